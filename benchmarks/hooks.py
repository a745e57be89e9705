"""What it costs to watch a network train: statistics of each convolution's output, ours and fastai's.

    python benchmarks/hooks.py            measure and print the table
    python benchmarks/hooks.py --write    the same, and put it into README.md
    python benchmarks/hooks.py --quick    a few steps, to see that it runs

The course's CNN (lesson 09) trains on random images of 28 by 28, batches of 512, SGD, cross-entropy, one thread; its five `ConvLayer`s are watched. Each way of
watching has a network and a trainer of its own; all take turns in one process, with the order reversed from turn to turn. A figure is the median over turns of
the time that watching adds to a fit, collecting the numbers included, relative to the time of the same library's fit without it in the same turn.
fastai's `ActivationStats` records mean, std and the share of values up to .05 (negative ones too), its histogram is one of 40 bins from 0 to 10. It is left out where
it is not installed: `pip install fastai` brings it.
"""
import statistics, sys
import torch
import torch.nn.functional as F
from common import Batches, into_readme, seconds
from initcourse.hooks import ActivationStats, get_cnn
from initcourse.learner import Learner
from initcourse.training import SGD

STATS = ('mean', 'std', 'near_zero')
OURS = {'mean, std, near_zero': dict(stats=STATS), 'and histograms': dict(stats=(*STATS, 'hist')),
        'and dead units': dict(stats=(*STATS, 'hist', 'dead')), 'and all that of the gradients': dict(stats=(*STATS, 'hist', 'dead'), grads=True)}
FASTAI = {'mean, std, near_zero': dict(), 'and histograms': dict(with_hist=True)}

def batches(n):
    gen = torch.Generator().manual_seed(0)
    return Batches([(torch.randn(512, 1, 28, 28, generator=gen), torch.randint(10, (512,), generator=gen)) for _ in range(n)], 512)

def ours(train, kw):
    "A fit, watched as `kw` says, or not at all if it is None"
    torch.manual_seed(0)
    cb = None if kw is None else ActivationStats(modules=list('01234'), **kw)
    learn = Learner(get_cnn(), (train, None), F.cross_entropy, SGD, lr=.01, cbs=[cb] if cb else [])
    def fit():
        learn.fit(1)
        if cb: assert len(cb.stats['4']['mean']) == len(train)
    return fit

def fastai(train, kw):
    "The same with fastai"
    import fastai.callback.progress                                       # brings no_bar
    from fastai.callback.hook import ActivationStats as FastStats
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner as FastLearner
    from fastai.optimizer import SGD as FastSGD
    torch.manual_seed(0)
    model = get_cnn()
    cb = None if kw is None else FastStats(modules=list(model[:5]), **kw)
    learn = FastLearner(DataLoaders(train, []), model, loss_func=F.cross_entropy, opt_func=FastSGD, lr=.01, cbs=[cb] if cb else [])
    def fit():
        with learn.no_bar(), learn.no_logging(): learn.fit(1)
        if cb: assert len(cb.stats) == len(train)
    return fit

def table(steps, turns):
    train, makers = batches(steps), [('initcourse', ours, OURS)]
    try: makers.append((f'fastai {__import__("fastai").__version__}', fastai, FASTAI))
    except ImportError: print('fastai: not installed, left out')
    fits = {(lib, what): make(train, kw) for lib,make,kinds in makers for what,kw in {None: None, **kinds}.items()}
    took = {k: [] for k in fits}
    for turn in range(turns + 1):
        for k in list(fits)[::(-1)**turn]:
            t = seconds(fits[k])
            if turn: took[k].append(t)                                    # the first turn warms up
    lines = ['| | watched | added to a training step | the middle half of the turns |', '|---|---|---|---|']
    for (lib, what), ts in took.items():
        if what is None: continue
        low, mid, high = statistics.quantiles([t/plain - 1 for t,plain in zip(ts, took[lib, None])], n=4)
        lines.append(f'| {lib} | {what} | {mid:.1%} | {low:.1%} to {high:.1%} |')
    step = statistics.median(took['initcourse', None])/steps
    return '\n'.join(lines) + f'\n\nA step without watching took {step*1e3:.0f} ms.'

if __name__ == '__main__':
    torch.set_num_threads(1)
    res = table(*((2, 2) if '--quick' in sys.argv else (10, 20)))
    print(f'torch {torch.__version__}, one thread\n\n{res}')
    if '--write' in sys.argv: into_readme('hooks.py', res)
