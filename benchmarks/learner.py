"""What a step of training costs beyond the bare loop: `Learner`, fastai's `Learner`, Lightning's `Trainer`; and the loaders of data in memory.

    python benchmarks/learner.py            measure and print the tables
    python benchmarks/learner.py --write    the same, and put them into README.md
    python benchmarks/learner.py --quick    a few steps, to see that it runs

The model is a Linear(20, 2), the batch has 64 rows, SGD, cross-entropy, one thread: so small that nearly all is overhead. All train on the same list of
batches in memory, in turns, in one process; each then validates on a quarter as many, with the accuracy as metric. Recording and device placement are on, as each
library has them by default; progress bars, checkpoints and logging to files are off. A figure is the median over turns of (seconds of a fit with many epochs
less those of one with few) per training step, so that what a fit costs once does not count, less the same of the bare loop, whose validation is there too.
Peers that are not installed are left out: `pip install fastai lightning` brings them.
Loaders: one epoch over (50000, 784) float32 rows and labels, shuffled, batches of 512; seconds relative to `initcourse.training.DataLoader`.
"""
import logging, statistics, sys, warnings
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import BatchSampler, RandomSampler, TensorDataset
from common import Batches, into_readme, seconds
from initcourse.learner import Learner, Metrics
from initcourse.training import DataLoader, Dataset, accuracy

def batches(n, seed=0):
    gen = torch.Generator().manual_seed(seed)
    return Batches([(torch.randn(64, 20, generator=gen), torch.randint(2, (64,), generator=gen)) for _ in range(n)], 64)

def bare(train, valid):
    model = nn.Linear(20, 2)
    opt = torch.optim.SGD(model.parameters(), .01)
    def fit(epochs):
        for _ in range(epochs):
            model.train()
            for xb,yb in train:
                opt.zero_grad()
                F.cross_entropy(model(xb), yb).backward()
                opt.step()
            model.eval()
            with torch.no_grad():
                loss = acc = n = 0
                for xb,yb in valid:
                    preds = model(xb)
                    loss, acc, n = loss + F.cross_entropy(preds, yb)*len(yb), acc + accuracy(preds, yb)*len(yb), n + len(yb)
                float(loss/n), float(acc/n)
    return fit

def ours(train, valid): return Learner(nn.Linear(20, 2), (train, valid), F.cross_entropy, lr=.01, cbs=[Metrics(accuracy)]).fit

def fastai(train, valid):
    import fastai.callback.progress                                       # brings no_bar
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner as FastLearner
    from fastai.metrics import accuracy as fast_accuracy
    from fastai.optimizer import SGD
    learn = FastLearner(DataLoaders(train, valid), nn.Linear(20, 2), loss_func=F.cross_entropy, opt_func=SGD, lr=.01, metrics=fast_accuracy)
    def fit(epochs):
        with learn.no_bar(), learn.no_logging(): learn.fit(epochs)
    return fit

def lightning(train, valid):
    import lightning as L
    logging.getLogger('lightning.pytorch').setLevel(logging.ERROR)
    warnings.filterwarnings('ignore')
    class Module(L.LightningModule):
        def __init__(self): super().__init__(); self.model = nn.Linear(20, 2)
        def training_step(self, batch, i):
            loss = F.cross_entropy(self.model(batch[0]), batch[1])
            self.log('train_loss', loss)
            return loss
        def validation_step(self, batch, i):
            preds = self.model(batch[0])
            self.log_dict({'valid_loss': F.cross_entropy(preds, batch[1]), 'accuracy': accuracy(preds, batch[1])}, batch_size=len(batch[1]))
        def configure_optimizers(self): return torch.optim.SGD(self.parameters(), .01)
    def fit(epochs):
        L.Trainer(max_epochs=epochs, accelerator='cpu', enable_progress_bar=False, enable_checkpointing=False, logger=False, enable_model_summary=False,
                  num_sanity_val_steps=0).fit(Module(), train, valid)
    return fit

def installed():
    "The versions that can be run: name -> maker of fit(epochs)"
    res = {'bare loop': bare, 'initcourse': ours}
    for name,make in (('fastai', fastai), ('lightning', lightning)):
        try: res[f'{name} {__import__(name).__version__}'] = make
        except ImportError: print(f'{name}: not installed, left out')
    return res

def overhead(steps, turns):
    "Table of microseconds a step"
    train, valid = batches(steps), batches(steps//4, seed=1)
    fits, took = {n: make(train, valid) for n,make in installed().items()}, {}
    for fit in fits.values(): fit(1)
    for turn in range(turns):
        for n in list(fits)[::(-1)**turn]:
            few, many = seconds(fits[n], 1), seconds(fits[n], 4)
            took.setdefault(n, []).append((many - few)/3/steps*1e6)
    base = took.pop('bare loop')
    lines = ['| | microseconds a step beyond the bare loop | the middle half of the turns |', '|---|---|---|']
    for n,t in took.items():
        low, mid, high = statistics.quantiles([a - b for a,b in zip(t, base)], n=4)
        lines.append(f'| {n} | {mid:.0f} | {low:.0f} to {high:.0f} |')
    return '\n'.join(lines), f'The bare loop took {statistics.median(base):.0f} microseconds a step.'

def loaders(rows, turns):
    "Table of seconds an epoch, relative"
    gen = torch.Generator().manual_seed(0)
    x, y = torch.randn(rows, 784, generator=gen), torch.randint(10, (rows,), generator=gen)
    ds = TensorDataset(x, y)
    dls = {'initcourse `DataLoader`': DataLoader(Dataset(x, y), 512, shuffle=True),
           'torch `DataLoader`, whole batches (`sampler=BatchSampler(...)`, `batch_size=None`)':
               torch.utils.data.DataLoader(ds, sampler=BatchSampler(RandomSampler(ds), 512, False), batch_size=None),
           'torch `DataLoader`, row by row (`batch_size=512`)': torch.utils.data.DataLoader(ds, 512, shuffle=True)}
    def epoch(dl):
        n = 0
        for xb,yb in dl: n += len(yb)
        assert n == rows
    took = {n: [] for n in dls}
    for turn in range(turns + 1):
        for n in list(dls)[::(-1)**turn]:
            t = seconds(epoch, dls[n])
            if turn: took[n].append(t)
    lines = ['| loader | seconds an epoch, initcourse = 1 |', '|---|---|']
    for n in dls: lines.append(f'| {n} | {statistics.median(a/b for a,b in zip(took[n], took["initcourse `DataLoader`"])):.2f} |')
    return '\n'.join(lines)

if __name__ == '__main__':
    torch.set_num_threads(1)
    quick = '--quick' in sys.argv
    table, note = overhead(*((20, 2) if quick else (1000, 9)))
    both = f'{table}\n\n{note}\n\n{loaders(*((2000, 2) if quick else (50_000, 9)))}'
    print(f'torch {torch.__version__}, one thread\n\n{both}')
    if '--write' in sys.argv: into_readme('learner.py', both)
