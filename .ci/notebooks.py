"""Keep the committed notebooks fresh.

    python .ci/notebooks.py refresh [NAME ...]    execute, save, clean, and note what was executed (needs MNIST)
    python .ci/notebooks.py stale                 name the notebooks whose outputs are older than their code

Each executed notebook carries in its metadata a hash of its code cells, of the package modules that it imports and of the
studies that it reads, and the data that it ran on. A cell tagged `timing` measures time, so its output differs from run to run: it keeps the committed
output as long as the hash is unchanged. A cell tagged `readme` draws the figure of the README.
"""
import ast, base64, hashlib, json, os, re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB = ROOT/'nbs', ROOT/'initcourse'
README_FIGURE = NBS/'images'/'depth.png'

def notebooks(names=()): return [p for p in sorted(NBS.glob('*.ipynb')) if not names or p.stem in names]
def load(path): return json.loads(path.read_text(encoding='utf-8'))
def source(cell): return ''.join(cell['source'])

def modules(code):
    "Names of the initcourse modules that `code` imports"
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import): names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = 'initcourse' + ('.' + node.module if node.module else '') if node.level else node.module
            names = [base] + [f'{base}.{a.name}' for a in node.names]
        else: continue
        for n in names:
            if n.startswith('initcourse.') and (LIB/f'{n.split(".")[1]}.py').exists(): yield n.split('.')[1]

def questions(code):
    "Modules that hold the questions that `code` asks"
    for nn in set(re.findall(r"predict\('(\d\d)\.", code)):
        yield from (f'checks/{p.stem.split("_", 1)[1]}' for p in NBS.glob(f'{nn}_*.ipynb'))

def plain(cell): return '\n'.join('' if l.lstrip().startswith(('%', '!')) else l for l in source(cell).splitlines())

def fingerprint(nb):
    "Hash of the code cells of `nb`, of all package modules that they import, directly or through others, and of the studies that they read"
    code = [source(c) for c in nb['cells'] if c['cell_type'] == 'code']
    todo, seen = [m for c in nb['cells'] if c['cell_type'] == 'code' for m in modules(plain(c))], {}
    todo += [m for c in code for m in questions(c)]
    while todo:
        m = todo.pop()
        if m in seen or m == 'exercises': continue           # of which a lesson only shows that no prediction was made
        seen[m] = (LIB/f'{m}.py').read_text(encoding='utf-8')
        if not m.startswith('checks/'): todo += modules(seen[m])      # of these only the questions count
    studies = sorted(s for s in set(re.findall(r'studies/\w+\.csv', '\0'.join(code))) if (ROOT/s).exists())
    text = '\0'.join(code + [f'{m}\0{seen[m]}' for m in sorted(seen)] + [(ROOT/s).read_text(encoding='utf-8') for s in studies])
    return hashlib.sha256(text.encode()).hexdigest()[:16]

def state(nb):
    "Why the outputs of `nb` cannot be trusted; '' if they can"
    note = nb['metadata'].get('initcourse')
    if not note: return 'was never executed by the refresh command'
    if note['hash'] != fingerprint(nb): return 'its code, or a module that it imports, has changed since it was executed'
    if note['data'] != 'mnist': return f'was executed on {note["data"]}, not on MNIST'
    return ''

def stale():
    found = {p.name: s for p in notebooks() if (s := state(load(p)))}
    for name,why in found.items(): print(f'{name}: {why}')
    return 1 if found else 0

def execute(path):
    "Execute and save one notebook in this process; fail if a cell fails or a figure lacks a label"
    from matplotlib.backend_bases import FigureCanvasBase
    from nbdev.test import test_nb
    from initcourse.plots import unlabelled_axes
    faults, draw = [], FigureCanvasBase.print_figure
    def checked(self, *args, **kwargs):
        if lacks := unlabelled_axes(self.figure): faults.append('; '.join(lacks))
        return draw(self, *args, **kwargs)
    FigureCanvasBase.print_figure = checked
    ok, seconds = test_nb(path, skip_flags=['notest'], save=True)
    for f in faults: print(f'{path.name}: a figure lacks {f}')
    print(f'{path.name}: {seconds:.0f} s')
    return 0 if ok and not faults else 1

def keep_timings(old, new):
    "Where nothing but a measured time can have changed, keep the committed output"
    kept = {c['id']: c['outputs'] for c in old['cells'] if 'timing' in c['metadata'].get('tags', [])}
    for c in new['cells']:
        if kept.get(c['id']): c['outputs'] = kept[c['id']]

def slim(nb):
    "Store figures with a palette of 256 colours: to the eye the same, at a third of the size"
    from io import BytesIO
    from PIL import Image
    for o in [o for c in nb['cells'] for o in c.get('outputs', []) if 'image/png' in o.get('data', {})]:
        img = Image.open(BytesIO(base64.b64decode(''.join(o['data']['image/png']))))
        if img.mode == 'P': continue
        out = BytesIO()
        img.convert('RGB').quantize(256, dither=Image.Dither.NONE).save(out, 'png', optimize=True)
        o['data']['image/png'] = base64.b64encode(out.getvalue()).decode()

def refresh(names):
    from fastcore.nbio import dict2nb, write_nb
    from initcourse.sources import DataError, download_mnist
    try: download_mnist()                              # does nothing if MNIST is in the cache
    except DataError as e: print(e); return 1
    run = lambda *cmd, **kw: subprocess.run([sys.executable, *cmd], cwd=ROOT, **kw).returncode
    if run('-c', 'from nbdev.doclinks import nbdev_export; nbdev_export()'): return 1
    paths = notebooks(names)
    before = {p: load(p) for p in paths}
    def execute_in(env): return lambda p: run(__file__, 'execute', str(p), env={**os.environ, 'INITCOURSE_SOURCE': 'auto', **env})
    timed = [p for p in paths if any('timing' in c['metadata'].get('tags', []) for c in before[p]['cells'])]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        failed = list(pool.map(execute_in({'OMP_NUM_THREADS': '1'}), [p for p in paths if p not in timed]))
    failed += map(execute_in({}), timed)               # alone, with all threads, since they measure time
    if any(failed): return 1
    if run('-c', 'from nbdev.clean import nbdev_clean; nbdev_clean()'): return 1
    for p in paths:
        nb, old = load(p), before[p]
        mark = fingerprint(nb)
        if old['metadata'].get('initcourse', {}).get('hash') == mark: keep_timings(old, nb)
        slim(nb)
        nb['metadata']['initcourse'] = {'data': 'mnist', 'hash': mark}
        write_nb(dict2nb(nb), p)
        for c in nb['cells']:
            if 'readme' in c['metadata'].get('tags', []):
                png = next(o['data']['image/png'] for o in c['outputs'] if 'image/png' in o.get('data', {}))
                README_FIGURE.parent.mkdir(exist_ok=True)
                README_FIGURE.write_bytes(base64.b64decode(''.join(png)))
    return 0

if __name__ == '__main__':
    verb, *rest = sys.argv[1:] or ['']
    if verb == 'refresh': sys.exit(refresh([Path(r).stem for r in rest]))
    if verb == 'stale': sys.exit(stale())
    if verb == 'execute': sys.exit(execute(Path(rest[0])))
    sys.exit(__doc__)
