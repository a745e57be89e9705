"""Hand the metadata in settings.ini to setuptools; everything else stands in pyproject.toml."""
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

here = Path(__file__).parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']

setup(
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
