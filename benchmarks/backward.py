"""The backward pass by hand against autograd, and against the outer products written out.

    python benchmarks/backward.py            measure and print the table
    python benchmarks/backward.py --write    the same, and put it into README.md
    python benchmarks/backward.py --quick    a few rows, to see that it runs

All versions run in turns in one process; a ratio is the median over turns of the ratio within a turn. The net is that of lesson 03,
784-50-1 with ReLU and mean squared error, and the gradients are those of all five tensors, the input among them. Peak memory is
what a fresh process needs beyond the input (157 MB for 50,000 rows); it is measured where the system tells it, on Linux and macOS.
"""
import math, re, statistics, subprocess, sys
from pathlib import Path
import torch
from common import into_readme, seconds
from initcourse.functional import lin, mse, relu
from initcourse.layers import add_grad, clear_grads, forward_and_backward, mse_grad, relu_grad

def tensors(rows):
    "Input, weights and biases, and targets"
    gen = torch.Generator().manual_seed(0)
    rand = lambda *s: torch.randn(*s, generator=gen)
    return [rand(rows, 784), rand(784, 50)*math.sqrt(2/784), torch.zeros(50), rand(50, 1)/math.sqrt(50), torch.zeros(1)], rand(rows)

def by_hand(ts, targ):
    clear_grads(*ts)
    forward_and_backward(ts[0], targ, *ts[1:])
    return [t.g for t in ts]

def autograd(ts, targ):
    x, w1, b1, w2, b2 = ts = [t.detach().requires_grad_() for t in ts]
    mse(lin(relu(lin(x, w1, b1)), w2, b2), targ).backward()
    return [t.grad for t in ts]

def outer_grad(inp, out, w, b):
    "`lin_grad` with all outer products written out before they are summed"
    add_grad(inp, out.g @ w.T)
    add_grad(w, (inp[:,:,None]*out.g[:,None,:]).sum(0))
    add_grad(b, out.g.sum(0))

def outer_products(ts, targ):
    clear_grads(*ts)
    x, w1, b1, w2, b2 = ts
    l1 = lin(x, w1, b1); l2 = relu(l1); pred = lin(l2, w2, b2); loss = mse(pred, targ)
    loss.g = torch.ones_like(loss)
    mse_grad(pred, targ, loss); outer_grad(l2, pred, w2, b2); relu_grad(l1, l2); outer_grad(x, l1, w1, b1)
    return [t.g for t in ts]

VERSIONS = dict(by_hand=by_hand, autograd=autograd, outer_products=outer_products)

def race(names, rows, turns):
    "Seconds for each version, one entry a turn, in turns; the first turn is not counted"
    ts, targ = tensors(rows)
    results = {n: [g.clone() for g in VERSIONS[n](ts, targ)] for n in names}
    for n in names[1:]:
        for a,b in zip(results[names[0]], results[n]): assert (a - b).norm() <= 1e-4*b.norm(), f'{n} computes something else'
    del results
    took = {n: [] for n in names}
    for turn in range(turns + 1):
        for n in names[::(-1)**turn]:
            t = seconds(VERSIONS[n], ts, targ)
            if turn: took[n].append(t)
    return took

def peak_memory(name, rows):
    "MB that a fresh process needs beyond the tensors themselves; None where the system does not tell"
    if sys.platform == 'win32': return None
    out = subprocess.run([sys.executable, __file__, '--memory', name, str(rows)], capture_output=True, text=True, check=True)
    return float(out.stdout)

def peak():
    "Largest memory of this process so far, in MB. (Linux carries getrusage's figure over from the parent process, so ask /proc there.)"
    status = Path('/proc/self/status')
    if status.exists(): return int(re.search(r'VmHWM:\s+(\d+)', status.read_text())[1])*1024/1e6
    from resource import RUSAGE_SELF, getrusage
    return getrusage(RUSAGE_SELF).ru_maxrss/1e6

def memory_here(name, rows):
    VERSIONS[name](*tensors(10))                    # loads what the first call loads
    ts, targ = tensors(rows)
    before = peak()
    VERSIONS[name](ts, targ)
    print(peak() - before)

def table(few, many, turns):
    mb = lambda name, rows: '' if (m := peak_memory(name, rows)) is None else f'{m:,.0f} MB'
    lines = ['| version | rows | time, by hand = 1 | peak memory |', '|---|---|---|---|']
    for rows,names,n in ((many, ['by_hand', 'autograd'], turns), (few, ['by_hand', 'outer_products'], max(3, turns//3))):
        took = race(names, rows, n)
        for name in names:
            ratios = [a/b for a,b in zip(took[name], took['by_hand'])]
            lines.append(f'| {name.replace("_", " ")} | {rows:,} | {statistics.median(ratios):.2f} | {mb(name, rows)} |')
    return '\n'.join(lines)

if __name__ == '__main__':
    if '--memory' in sys.argv: memory_here(sys.argv[-2], int(sys.argv[-1])); sys.exit()
    res = table(100, 1000, 3) if '--quick' in sys.argv else table(5000, 50_000, 21)
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads\n\n{res}')
    if '--write' in sys.argv: into_readme('backward.py', res)
