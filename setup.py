"""Hand the metadata in settings.ini to setuptools, and the notebooks to the wheel; everything else stands in pyproject.toml."""
import shutil
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']

class WithCourse(build_py):
    "Puts the notebooks, and the measurements that they read, into the wheel as initcourse/course; a clone has them at their place."
    def run(self):
        super().run()
        if self.editable_mode: return
        course = Path(self.build_lib)/'initcourse'/'course'
        shutil.rmtree(course, ignore_errors=True)
        for pattern in ('nbs/[0-9][0-9]_*.ipynb', 'nbs/*.md', 'nbs/images/*', 'nbs/_exercises/[0-9][0-9]_*.ipynb', 'studies/*.csv', 'studies/*.py'):
            for path in sorted(here.glob(pattern)):
                to = course/path.relative_to(here)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)

setup(
    cmdclass=dict(build_py=WithCourse),
    entry_points=dict(console_scripts=cfg['console_scripts'].split()),
    description=cfg['description'],
    long_description=(here/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author=cfg['author'],
    url=cfg['repository'],
    license=cfg['license'],
    keywords=cfg['keywords'].split(),
    classifiers=['Intended Audience :: Education', 'Intended Audience :: Developers', 'Programming Language :: Python :: 3',
                 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    install_requires=cfg['requirements'].split(),
    extras_require=dict(dev=cfg['dev_requirements'].split(), bench=cfg['bench_requirements'].split()),
)
