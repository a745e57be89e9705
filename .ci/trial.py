"""A new user's first minutes, for the README and to prove that they go so: python .ci/trial.py [--write]

Run by the Python of an environment into which the wheel was installed, from an empty folder. Prints what the user types and sees; fails unless the
README shows the same between `<!-- trial -->` and `<!-- end -->`. With --write it puts it there.
"""
import contextlib, io, json, os, re, subprocess, sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent/'README.md'
ANSWERS = [('03.1', 'def shifted_relu_grad(g, x): return g*(x > 0)', 'shifted_relu_grad'),
           ('03.4', 'def center_grad(g, x): return g - g.mean()', 'center_grad'),
           ('03.4', 'def center_grad(g, x): return g - g.mean(1, keepdim=True)', 'center_grad'),
           ('03.6', '''def net_grads(g, x, targ, w1, b1, w2, b2):
    l1 = x@w1 + b1; l2 = l1.relu(); pred = l2@w2 + b2
    g_pred = 2*g*(pred - targ[:, None])/len(x)
    g_l2 = g_pred@w2.T
    g_l1 = g_l2*(g_l2 > 0)
    return dict(pred=g_pred, w2=l2.T@g_pred, b2=g_pred.sum(0), l2=g_l2, l1=g_l1, w1=x.T@g_l1, b1=g_l1.sum(0), x=g_l1@w1.T)''', 'net_grads')]

def command(*args):
    "What the command prints"
    exe = Path(sys.executable).with_name('initcourse')
    return subprocess.run([exe, *args], capture_output=True, text=True, encoding='utf-8', check=True, env={**os.environ, 'PYTHONUTF8': '1'}).stdout

def cell(id, code, name):
    "What the notebook shows when the answer and its check are run"
    from initcourse.exercises import check
    space = {}
    exec(code, space)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try: check(id, space[name])
        except AssertionError as e: print(e)
    return f'{code}\ncheck({id!r}, {name})\n\n' + '\n'.join(f'    {l}' for l in out.getvalue().splitlines()) + '\n'

def shorten(status):
    "The lines of lesson 03, and the last ones"
    lines = status.splitlines()
    a = lines.index('03_backward')
    b = next(i for i in range(a + 1, len(lines)) if not lines[i].startswith(' '))
    return '\n'.join(['...', *lines[a:b], '...', *lines[-2:]]) + '\n'

def trial():
    "All of it, as text"
    assert not any(Path().iterdir()), 'an empty folder is wanted'
    os.environ['INITCOURSE_PROGRESS'] = str(Path('progress.json').absolute())
    os.environ.pop('IN_TEST', None)
    text = '$ initcourse start --no-open\n' + command('start', '--no-open')
    text += '\n# in nbs/_exercises/03_backward.ipynb\n\n' + '\n'.join(cell(*a) for a in ANSWERS)
    return re.sub(r'\d+ files new', 'N files new', text) + '\n$ initcourse status\n' + shorten(command('status'))

if __name__ == '__main__':
    block, readme = f'```text\n{trial()}```', README.read_text(encoding='utf-8')
    new = re.sub(r'(?s)(<!-- trial -->\n).*?(<!-- end -->)', lambda m: m[1] + block + '\n' + m[2], readme)
    print(block)
    if '--write' in sys.argv: README.write_text(new, encoding='utf-8', newline='\n')
    elif new != readme or '<!-- trial -->' not in readme: sys.exit('the README shows something else')
