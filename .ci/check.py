"""What must hold of the project as committed, beyond what the notebooks test. Prints a line for each check and fails if one does."""
import ast, re, subprocess, sys, tomllib
from configparser import ConfigParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from notebooks import ROOT, LIB, NBS, load, notebooks, source, state

def text(name): return (ROOT/name).read_text(encoding='utf-8')
def settings():
    cfg = ConfigParser(delimiters=['=']); cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return cfg['DEFAULT']

def head(nb, key):
    "The entry `key` of the facts table at the top of a notebook"
    m = re.search(rf'\*\*{key}\*\* \| (.*?) \|\n', '\n'.join(source(c) for c in nb['cells'][:3]) + '\n')
    return m[1] if m else ''

def check_notebooks_are_fresh():
    return [f'{p.name} {why}' for p in notebooks() if (why := state(load(p)))]

def check_outputs():
    "Small, without errors, warnings, or paths of a machine; each figure described in words right below it"
    bad, leak = [], re.compile(r'(/(work|root|home|Users|tmp)/|site-packages|[A-Z]:\\\\)')
    for p in notebooks():
        if p.stat().st_size > 1_000_000: bad.append(f'{p.name}: {p.stat().st_size/1e6:.1f} MB')
        cells = load(p)['cells']
        for i,c in enumerate(cells):
            if c['cell_type'] != 'code': continue
            if len([l for l in source(c).splitlines() if l.strip()]) > 35: bad.append(f'{p.name} cell {i}: over 35 lines')
            for o in c['outputs']:
                out = ''.join(o.get('text', [])) + ''.join(o.get('data', {}).get('text/plain', []))
                if o['output_type'] == 'error' or leak.search(out) or 'Warning' in out or o.get('name') == 'stderr':
                    bad.append(f'{p.name} cell {i}: an error, a warning or a path in its output')
                if 'image/png' in o.get('data', {}) and '*Figure:' not in ''.join(source(n) for n in cells[i+1:i+3] if n['cell_type'] == 'markdown'):
                    bad.append(f'{p.name} cell {i}: a figure that no *Figure: …* line describes')
    return bad

def check_exercises_are_in_step_with_their_solutions():
    "Each learner's notebook is what its master gives; lessons link to it; no cell is too long, no line either"
    sys.path.insert(0, str(ROOT))
    from initcourse.exercises import learner_notebook
    bad, masters = [], {p.name: p for p in sorted((NBS/'solutions').glob('*.ipynb'))}
    made = {p.name: p for p in sorted((NBS/'_exercises').glob('*.ipynb'))}
    bad += [f'{n}: in nbs/{"solutions" if n in masters else "_exercises"} only' for n in sorted(set(masters) ^ set(made))]
    bad += [f'_exercises/{n} is not what solutions/{n} gives: run initcourse.exercises.write_exercises' for n in sorted(set(masters) & set(made)) if load(made[n]) != learner_notebook(masters[n])]
    for p in [*masters.values(), *made.values()]:
        for i,c in enumerate(load(p)['cells']):
            if c.get('outputs'): bad.append(f'{p.parent.name}/{p.name} cell {i}: has outputs')
            lines = [l for l in source(c).splitlines() if l.strip()]
            most, wide = (35, 150) if p.parent.name == '_exercises' else (45, 200)
            if c['cell_type'] == 'code' and (len(lines) > most or any(len(l) > wide for l in lines)): bad.append(f'{p.parent.name}/{p.name} cell {i}: over {most} lines, or a line over {wide} characters')
    for p in notebooks():
        if p.name in masters and f'_exercises/{p.name}' not in '\n'.join(source(c) for c in load(p)['cells']): bad.append(f'{p.name} does not link to its exercises')
        if p.name[0] != '9' and p.name not in masters: bad.append(f'{p.name} has no exercises')
    return bad

def check_lessons_open_and_close_alike():
    bad = []
    for p in notebooks():
        nb = load(p); cells = nb['cells']; prose = '\n'.join(source(c) for c in cells if c['cell_type'] == 'markdown')
        if not re.match(r'# .+\n\n> .+', source(cells[0])): bad.append(f'{p.name}: the first cell is no title and summary')
        for key in ('You need', 'You will be able to', 'Reading', 'Running', 'Exports'):
            if not head(nb, key): bad.append(f'{p.name}: no "{key}" in the table at the top')
        wanted = ['## Recap', '## Papers and sources'] + ([] if p.name[0] == '9' else ['## Questions', '## Exercises', '## Wrong ideas in circulation'])
        bad += [f'{p.name}: no {w}' for w in wanted if w not in prose]
        for link in re.findall(r'\]\(([^)#]+)', prose):
            if not link.startswith('http') and not (p.parent/link).exists(): bad.append(f'{p.name}: dead link {link}')
    return bad

def check_pages_link_to_what_is_there():
    bad = []
    for page in ('README.md', 'CONTRIBUTING.md', 'nbs/notation.md', 'nbs/restore.md'):
        for link in re.findall(r'\]\(([^)#]+)', text(page)):
            if not link.startswith('http') and not ((ROOT/page).parent/link).exists(): bad.append(f'{page}: dead link {link}')
    return bad

def check_reports_in_the_readme_are_what_its_code_prints():
    "Words as they stand; numbers to 2 percent, since systems round differently"
    def same(a, b):
        try: return abs(float(a) - float(b)) <= .02*abs(float(b)) + 1e-3
        except ValueError: return a == b
    bad, found = [], re.findall(r'```python\n(.*?)```\s+```text\n(.*?)```', text('README.md'), re.S)
    for code,wanted in found:
        out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
        if len(out.stdout.split()) != len(wanted.split()) or not all(map(same, out.stdout.split(), wanted.split())):
            bad.append(f'README.md: this came instead: {out.stdout or out.stderr}')
    return bad if found else ['README.md shows no report']

def check_exports_are_listed():
    "The facts table names what the module exports, no more and no less"
    bad = []
    for p in notebooks():
        nb = load(p)
        if not (m := re.search(r'#\| default_exp (\w+)', '\n'.join(source(c) for c in nb['cells']))): continue
        tree = ast.parse((LIB/f'{m[1]}.py').read_text(encoding='utf-8'))
        names = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == '__all__')
        listed = re.findall(r'`(\w+)`', head(nb, 'Exports').split('→')[0])
        if sorted(names) != sorted(listed): bad.append(f'{p.name}: exports {sorted(set(names) ^ set(listed))} differ from the table at the top')
    return bad

def check_modules_know_every_name_they_use():
    "A name that only the notebook imports is there when the notebook runs, and missing for those who import the module"
    code = """import builtins, dis, importlib, sys, types
for m in sys.argv[1:]:
    mod = importlib.import_module(f'initcourse.{m}')
    todo = [compile(open(mod.__file__, encoding='utf-8').read(), m, 'exec')]
    while todo:
        c = todo.pop(); todo += [k for k in c.co_consts if isinstance(k, types.CodeType)]
        for i in dis.get_instructions(c):
            if i.opname == 'LOAD_GLOBAL' and not hasattr(mod, i.argval) and not hasattr(builtins, i.argval): print(f'initcourse.{m}: {i.argval} in {c.co_name}')"""
    out = subprocess.run([sys.executable, '-c', code, *sorted(p.relative_to(LIB).with_suffix('').as_posix().replace('/', '.') for p in LIB.rglob('[a-z]*.py'))], capture_output=True, text=True, cwd=ROOT)
    return out.stdout.splitlines() + out.stderr.splitlines()[-1:]

def check_public_names_have_docstrings():
    bad = []
    for p in sorted(LIB.rglob('[a-z]*.py')):
        for n in ast.parse(p.read_text(encoding='utf-8')).body:
            if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name[0] != '_' and not ast.get_docstring(n): bad.append(f'{p.name}: {n.name} has no docstring')
    return bad

def check_readme_table():
    "The README's table of lessons repeats title, minutes, seconds and exports of each notebook"
    bad, readme = [], text('README.md')
    for p in notebooks():
        nb = load(p); row = next((l for l in readme.splitlines() if f'nbs/{p.name})' in l and l.startswith('|')), None)
        if row is None: bad.append(f'{p.name} is not in the README\'s table'); continue
        title = source(nb['cells'][0]).splitlines()[0][2:]
        minutes, seconds = (re.match(r'\d+', head(nb, k))[0] for k in ('Reading', 'Running'))
        cells = [c.strip() for c in row.strip('|').split('|')]
        if f'[{title}]' not in row: bad.append(f'README: the title of {p.name} is {title}')
        if cells[2:4] != [minutes, seconds]: bad.append(f'README: {p.name} takes {minutes} minutes to read and {seconds} s to run')
        if sorted(re.findall(r'`(\w+)`', cells[4])) != sorted(re.findall(r'`(\w+)`', head(nb, 'Exports').split('→')[0])): bad.append(f'README: exports of {p.name}')
    return bad

def check_values_agree():
    "Where a tool forces a second place upon a value, both places agree"
    bad, s, toml = [], settings(), tomllib.loads(text('pyproject.toml'))
    version = re.search(r"__version__ = ['\"](.+?)['\"]", text('initcourse/__init__.py'))[1]
    cff = dict(re.findall(r'^([\w-]+): *"?(.*?)"?$', text('CITATION.cff'), re.M))
    for key,want in dict(version=version, license=s['license'], **{'repository-code': s['repository'], 'title': toml['project']['name']}).items():
        if cff.get(key) != want: bad.append(f'CITATION.cff: {key} is {cff.get(key)}, elsewhere {want}')
    if f'## {version}' not in text('CHANGELOG.md'): bad.append(f'CHANGELOG.md has no section {version}')
    low = toml['project']['requires-python'].removeprefix('>=')
    if f"'{low}'" not in text('.github/workflows/test.yaml'): bad.append(f'the workflow does not test Python {low}')
    oldest = re.search(r'torch>=([\d.]+)', s['requirements'])[1]
    if f'torch=={oldest}' not in text('.github/workflows/test.yaml'): bad.append(f'the workflow does not test torch {oldest}')
    for name in ('README.md', 'CONTRIBUTING.md'):
        for found in re.findall(r'Python (3\.\d+) or newer', text(name)):
            if found != low: bad.append(f'{name} speaks of Python {found}, pyproject.toml of {low}')
    if 'Apache License' not in text('LICENSE') or s['license'] != 'Apache-2.0': bad.append('LICENSE and settings.ini differ')
    if toml['tool']['nbdev']['lib_path'] != toml['project']['name']: bad.append('pyproject.toml: lib_path and name differ')
    return bad

def check_imports_stay_light():
    "Modules for practitioners bring in torch and little else"
    bad = []
    for m in sorted(p.stem for p in LIB.glob('[a-z]*.py')):
        heavy = ['torchvision', 'IPython', 'nbdev', 'sklearn'] + ([] if m == 'plots' else ['matplotlib'])
        code = f'import sys; import torch; before = set(sys.modules); import initcourse.{m}; print(*[h for h in {heavy} if h in sys.modules and h not in before])'
        out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
        if out.returncode or out.stdout.strip(): bad.append(f'initcourse.{m} imports {out.stdout.strip() or out.stderr.strip().splitlines()[-1]}')
    return bad

if __name__ == '__main__':
    failed = 0
    for name,f in [(k, v) for k,v in list(globals().items()) if k.startswith('check_')]:
        bad = f()
        failed += bool(bad)
        print(f'{"FAIL" if bad else "ok  "} {name[6:].replace("_", " ")}')
        for b in bad: print(f'       {b}')
    sys.exit(1 if failed else 0)
