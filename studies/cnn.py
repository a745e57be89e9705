"""How the course's CNN trains: accuracy on the validation set after each epoch, batches of 512.

    python studies/cnn.py            every run that studies/cnn.csv does not hold yet; all take about 25 minutes on one core
    python studies/cnn.py --quick    three steps of one run of each kind, nothing is written

Set-ups: `default`, PyTorch's init and ReLU; `Kaiming`, the convolutions by Kaiming's rule with biases of zero; `GeneralRelu`, the same with slope .1 and shift .4
(Kaiming's gain for that slope); `default GeneralRelu`, those with PyTorch's init. The last layer is always PyTorch's. Optimizers: SGD without and with momentum .9, and
torch's Adam. Schedules: a constant learning rate, or one cycle up to it and down. Seeds are 0 to 4, fixed beforehand; every run of the grid is written down.
The seed sets the weights and the order of the digits alike. A run whose loss is NaN ends there; what its network answers then counts to the end.
MNIST (or the stand-in where there is none: then the numbers differ).
"""
import csv, itertools, math, sys
from functools import partial
from pathlib import Path
import torch
import torch.nn.functional as F
from initcourse.data import data_source, get_data, normalize_to
from initcourse.hooks import get_cnn
from initcourse.init import init_weights_
from initcourse.learner import Learner, Metrics, NonFiniteLoss, Scheduler, one_cycle
from initcourse.training import SGD, Dataset, accuracy, get_dls

OUT = Path(__file__).with_name('cnn.csv')
HEAD = 'setup optimizer schedule lr epochs seed epoch train_loss valid_loss accuracy'.split()
SEEDS = range(5)
OPTS = {'sgd': SGD, 'momentum': partial(SGD, momentum=.9), 'adam': torch.optim.Adam}
SETUPS = ('default', 'Kaiming', 'default GeneralRelu', 'GeneralRelu')

def build(setup):
    "The CNN, its weights drawn from the global generator"
    act = dict(leak=.1, sub=.4) if 'GeneralRelu' in setup else {}
    model = get_cnn(**act)
    if 'default' not in setup: init_weights_(model[:5], a=act.get('leak', 0.))
    return model

def data():
    "Digits as images, (50000, 1, 28, 28) to train and (10000, 1, 28, 28) to validate"
    x, y, xv, yv = get_data()
    x, xv = (t.view(-1, 1, 28, 28) for t in normalize_to(x, xv))
    return Dataset(x, y), Dataset(xv, yv)

def train(job, datasets):
    "One run: a row for each epoch"
    setup, optimizer, schedule, lr, epochs, seed = job
    torch.manual_seed(seed)
    dls = get_dls(*datasets, 512, generator=torch.Generator().manual_seed(seed))
    learn = Learner(build(setup), dls, F.cross_entropy, OPTS[optimizer], lr=lr, cbs=[Metrics(accuracy=accuracy)])
    try: log = learn.fit(epochs, cbs=[Scheduler(lr=one_cycle(lr))] if schedule == 'one cycle' else [])
    except NonFiniteLoss: log = learn.recorder.epochs
    if len(log) < epochs: log = log + [dict(train_loss=math.nan, **learn.validate())]*(epochs - len(log))
    return [(*job, i, f'{e["train_loss"]:.4g}', f'{e["valid_loss"]:.4g}', f'{e["accuracy"]:.4f}') for i,e in enumerate(log)]

def jobs():
    "Every run of the study"
    kinds = [('GeneralRelu', 'momentum', 'one cycle', lr, epochs) for epochs in (2, 5) for lr in (.1, .2, .3)]
    kinds += [(s, 'sgd', 'constant', .5, 2) for s in SETUPS]
    kinds += [(s, 'sgd', 'one cycle', .5, 2) for s in SETUPS]
    kinds += [(s, 'sgd', 'constant', lr, 2) for s in SETUPS for lr in (.1, .2, .3, .8)]
    kinds += [(s, 'momentum', 'one cycle', .2, 2) for s in SETUPS[:3]]
    kinds += [('GeneralRelu', 'adam', 'one cycle', .01, epochs) for epochs in (2, 5)]
    kinds += [('GeneralRelu', 'adam', 'one cycle', lr, 2) for lr in (.003, .03, .1)] + [('GeneralRelu', 'adam', 'one cycle', .03, 5)]
    kinds += [(s, 'adam', 'one cycle', .01, 2) for s in SETUPS[:3]]
    return [(*k, seed) for k in kinds for seed in SEEDS]

if __name__ == '__main__':
    torch.set_num_threads(1)
    datasets = data()
    if '--quick' in sys.argv:
        few = [Dataset(*(t[:1536] for t in d.tensors)) for d in datasets]
        for _, group in itertools.groupby(jobs(), lambda j: j[:3]): print(*train(next(group), few)[0])
        sys.exit()
    done = {}
    if OUT.exists():
        with open(OUT) as f:
            for r in list(csv.reader(f))[1:]: done.setdefault((*r[:3], float(r[3]), int(r[4]), int(r[5])), []).append(r)
    done = {k: rows for k,rows in done.items() if len(rows) == k[4]}          # without a run that was cut off
    def write():
        with open(OUT, 'w', newline='') as f:
            out = csv.writer(f, lineterminator='\n')
            out.writerow(HEAD)
            for job in jobs(): out.writerows(done.get(job, []))
    todo = [j for j in jobs() if j not in done]
    for job in todo:
        done[job] = train(job, datasets)
        write()
    print(f'{OUT.name}: {len(todo)} of {len(jobs())} runs were new, on {data_source()}')
