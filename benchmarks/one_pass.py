"""LSUV on a plain VGG: one forward pass, against the loops that pass the whole model again and again.

    python benchmarks/one_pass.py            measure and print the table; about a quarter of an hour
    python benchmarks/one_pass.py --write    the same, and put it into README.md
    python benchmarks/one_pass.py --quick    a small net and batch, to see that it runs

The net has 16 convolutions with ReLU and a linear layer (VGG 19 without its BatchNorm), the batch 64 random images of 32 by 32, one thread. All versions begin with the same weights and run in
turns, in one process; a time is relative to one forward pass, the median over turns (the last loop runs once). `lsuv` 0.3.0 is left out where it is not installed (`pip install lsuv`); its
orthonormal step is off, its tolerance .1 as by default. The loops are those of lesson 11: before the activation with a tolerance of .001, and behind it with the mean shifted by the bias
as well, at most 50 passes for each layer and statistic. 'Off by': the largest distance from 1 of a layer's std, measured again, at the place that the version looks at.
"""
import contextlib, copy, io, statistics, sys
import torch
from torch import nn
from common import into_readme, seconds
from initcourse.hooks import Hook, Hooks
from initcourse.lsuv import lsuv_

def vgg(widths):
    "Blocks of 2, 2, 4, 4, 4 convolutions with ReLU, each block with a maximum pool behind it; then ten logits"
    layers, n = [], 3
    for width,count in zip(widths, (2, 2, 4, 4, 4)):
        for _ in range(count):
            layers += [nn.Conv2d(n, width, 3, padding=1), nn.ReLU()]
            n = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n, 10))

def units(model, behind):
    "(layer, where to look): the layer itself, or the ReLU behind it"
    parts = list(model)
    return [(a, b if behind and isinstance(b, nn.ReLU) else a) for a,b in zip(parts, [*parts[1:], None]) if isinstance(a, (nn.Conv2d, nn.Linear))]

def loop(model, x, behind=False, tol=1e-3, most=50):
    "Whole forward passes for each layer, as the notes have it"
    def note(hook, module, inp, out): hook.mean, hook.std = out.mean(), out.std()
    with torch.no_grad():
        for layer,at in units(model, behind):
            with Hook(at, note) as hook:
                for _ in range(most):
                    model(x)
                    if abs(hook.std - 1) <= tol: break
                    layer.weight /= hook.std; layer.bias /= hook.std
                for _ in range(most if behind else 0):
                    model(x)
                    if abs(hook.mean) <= tol: break
                    layer.bias -= hook.mean

def versions():
    "Text -> (function of the model and the batch, does it look behind the activation?)"
    res = {'one forward pass': (lambda m, x: m(x), False), 'initcourse, exact': (lsuv_, False),
           'initcourse, `exact=False`': (lambda m, x: lsuv_(m, x, exact=False), False)}
    try:
        from lsuv import lsuv_with_singlebatch
        res['lsuv 0.3.0'] = (lambda m, x: lsuv_with_singlebatch(m, x, do_orthonorm=False, verbose=False), False)
    except ImportError: print('lsuv: not installed, left out')
    return res | {'loop, before the activation': (loop, False), 'loop, behind it, mean too': (lambda m, x: loop(m, x, behind=True), True)}

def race(widths, batch, turns):
    "The table"
    torch.manual_seed(0)
    net, x = vgg(widths), torch.randn(batch, 3, 32, 32)
    took, passes, off = {}, {}, {}
    for turn in range(turns):
        for text,(f,behind) in versions().items():
            if behind and turn: continue
            model, count = copy.deepcopy(net), []
            model.register_forward_hook(lambda *args: count.append(1))
            with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()): took.setdefault(text, []).append(seconds(f, model, x))
            passes[text] = len(count)
            def note(hook, module, inp, out): hook.std = out.std().item()
            with torch.no_grad(), Hooks([at for _,at in units(model, behind)], note) as hooks: model(x)
            off[text] = max(abs(h.std - 1) for h in hooks)
    one = took['one forward pass']
    lines = ['| version | forward passes | time, one pass = 1 | off by |', '|---|---|---|---|']
    for text,ts in took.items():
        if text != 'one forward pass': lines.append(f'| {text} | {passes[text]} | {statistics.median(t/o for t,o in zip(ts, one)):.1f} | {f"{off[text]:.0e}" if off[text] else 0} |')
    return '\n'.join(lines)

if __name__ == '__main__':
    torch.set_num_threads(1)
    res = race(*(((8, 8, 8, 8, 8), 4, 1) if '--quick' in sys.argv else ((64, 128, 256, 512, 512), 64, 3)))
    print(f'torch {torch.__version__}, one thread\n\n{res}')
    if '--write' in sys.argv: into_readme('one_pass.py', res)
