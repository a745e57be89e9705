"""Two epochs of training after each init: the course's CNN, a deep plain net, a residual net without normalization.

    python studies/lsuv.py            every run that studies/lsuv.csv does not hold yet; all take about an hour and a half on one core
    python studies/lsuv.py --quick    two steps of one run of each set-up, nothing is written

Plain gradient descent, batches of 512 digits, a constant learning rate. Nets: `cnn`, five convolutions of stride 2; `deep`, twelve convolutions in a row, 16 filters;
`residual`, two convolutions, then ten residual blocks of two convolutions, 16 filters. Activation: `ReLU`, or `GeneralRelu`, slope .1 for negative inputs and all less .4.

Init: `default`, PyTorch's; `Kaiming`, his rule with the gain for the slope, biases 0, the last layer as by default; `orthogonal`, with the same gain (1 for the last layer), biases 0; `LSUV`, the default
weights scaled so that each layer's output has std 1 for 512 digits; `orthogonal + LSUV`; `LSUV but the last`, the last layer as by default; `LSUV of outputs`, mean 0 and std 1 behind each
activation, as in the notes that the course grew out of, the last layer as by default; `LSUV, small branches`, of the residual net: LSUV, then the last layer of each branch has the std
1/sqrt(10), one over the root of the number of branches.
Seeds from 0 on, fixed beforehand; a seed sets weights, order and the digits of LSUV; every run is written down. `LSUV but the last` and `LSUV, small branches` were
added when the others had been seen. A row is a run. Of each epoch train_loss1, the mean over
its batches; valid_loss1 and accuracy1, on the validation set after it. Of every 14th step loss14, the mean of the last 14 batches, and acc14, the accuracy on the first 2,000
digits of the validation set. From the step on where its loss became NaN or infinite, a run has losses nan and the accuracy of the net as it was left.
MNIST (or the stand-in where there is none: then the numbers differ).
"""
import csv, math, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from torch import nn
from initcourse.data import data_source, get_data, normalize_to
from initcourse.hooks import ConvLayer, get_cnn, is_lin_layer
from initcourse.init import init_weights_
from initcourse.learner import Callback, Learner, Metrics, NonFiniteLoss
from initcourse.lsuv import lsuv_
from initcourse.training import SGD, Dataset, accuracy, get_dls

OUT = Path(__file__).with_name('lsuv.csv')
EPOCHS, EVERY, STEPS = 2, 14, 98
POINTS = range(EVERY, EPOCHS*STEPS + 1, EVERY)
KEY = 'net activation lr init seed'.split()
HEAD = [*KEY, *(f'{k}{e + 1}' for e in range(EPOCHS) for k in ('train_loss', 'valid_loss', 'accuracy')), *(f'{k}{p}' for k in ('loss', 'acc') for p in POINTS)]
ACTIVATIONS = {'ReLU': {}, 'GeneralRelu': dict(leak=.1, sub=.4)}
INITS = ('default', 'Kaiming', 'orthogonal', 'LSUV', 'orthogonal + LSUV', 'LSUV but the last', 'LSUV of outputs', 'LSUV, small branches')
# net, activations, learning rate, seeds
SETUPS = (('cnn', ('ReLU', 'GeneralRelu'), .5, 10), ('deep', ('ReLU', 'GeneralRelu'), .1, 5), ('residual', ('ReLU',), .02, 5),
          ('cnn', ('ReLU', 'GeneralRelu'), .1, 10), ('residual', ('ReLU',), .1, 5))

class Block(nn.Module):
    "x plus two convolutions of it, then ReLU"
    def __init__(self, n): super().__init__(); self.a, self.b = ConvLayer(n, n, stride=1), nn.Conv2d(n, n, 3, padding=1)
    def forward(self, x): return F.relu(x + self.b(self.a(x)))

def build(net, activation, init, xb):
    "The net with these weights, drawn from the global generator; `xb`: digits for LSUV"
    act, n = ACTIVATIONS[activation], 16
    slope = act.get('leak', 0.)
    if net == 'cnn': model = get_cnn(**act)
    else:
        rest = [Block(n) for _ in range(10)] if net == 'residual' else [ConvLayer(n, n, stride=1, **act) for _ in range(10)]
        model = nn.Sequential(ConvLayer(1, n, 5, **act), ConvLayer(n, n, **act), *rest, nn.Flatten(), nn.Linear(49*n, 10))
    layers = [m for m in model.modules() if is_lin_layer(m)]
    if init == 'Kaiming': init_weights_(model[:-1], a=slope)
    if init == 'orthogonal':
        for l in layers:
            nn.init.orthogonal_(l.weight, 1. if l is layers[-1] else math.sqrt(2/(1 + slope**2)))
            nn.init.zeros_(l.bias)
    if init in ('LSUV', 'orthogonal + LSUV'): lsuv_(model, xb, orthogonal=init != 'LSUV')
    if init == 'LSUV but the last': lsuv_(model, xb, modules=layers[:-1])
    if init == 'LSUV, small branches':
        lsuv_(model, xb)
        lsuv_(model, xb, std=10**-.5, modules=[m.b for m in model if isinstance(m, Block)])
    if init == 'LSUV of outputs': lsuv_(model, xb, modules=ConvLayer, mean=0.)
    return model

class Curve(Callback):
    "Accuracy on these digits, every few steps"
    def __init__(self, x, y): self.x, self.y = x, y
    def before_fit(self, learn): self.found, self.steps = [], 0
    def after_step(self, learn):
        self.steps += 1
        if self.steps % EVERY == 0: self.found.append(share(learn.model, self.x, self.y))

def share(model, x, y):
    "Accuracy of the model"
    with torch.no_grad(): return accuracy(model(x), y).item()

def train(job, x, y, x_valid, y_valid):
    "One run as a row"
    net, activation, lr, init, seed = job
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(seed)
    model = build(net, activation, init, x[torch.randperm(len(x), generator=draws)[:512]])
    dls = get_dls(Dataset(x, y), Dataset(x_valid, y_valid), 512, generator=draws)
    learn, curve = Learner(model, dls, F.cross_entropy, SGD, lr=lr, cbs=[Metrics(accuracy=accuracy)]), Curve(x_valid[:2000], y_valid[:2000])
    try: learn.fit(EPOCHS, cbs=[curve])
    except NonFiniteLoss: pass
    epochs = [[e[k] for k in ('train_loss', 'valid_loss', 'accuracy')] for e in learn.recorder.epochs]
    epochs += [[math.nan, math.nan, share(model, x_valid, y_valid)]]*(EPOCHS - len(epochs))
    losses = [*learn.recorder.losses, *[math.nan]*(EPOCHS*STEPS)]
    curves = [sum(losses[p - EVERY:p])/EVERY for p in POINTS] + (curve.found + [share(model, curve.x, curve.y)]*len(POINTS))[:len(POINTS)]
    return [*job, *(f'{v:.4g}' for v in sum(epochs, []) + curves)]

def jobs():
    "(net, activation, lr, init, seed) of every run"
    return [(net, a, lr, init, seed) for net,acts,lr,seeds in SETUPS for a in acts for init in INITS for seed in range(seeds)
            if (init != 'LSUV of outputs' or a == 'GeneralRelu') and (init != 'LSUV, small branches' or net == 'residual')]

if __name__ == '__main__':
    torch.set_num_threads(1)
    x, y, x_valid, y_valid = get_data()
    x, x_valid = (t.view(-1, 1, 28, 28) for t in normalize_to(x, x_valid))
    if '--quick' in sys.argv:
        for job in jobs():
            if job[-1] == 0: print(*train(job, x[:1024], y[:1024], x_valid[:512], y_valid[:512])[:11])
        sys.exit()
    done = {}
    if OUT.exists():
        with open(OUT) as f: done = {(r[0], r[1], float(r[2]), r[3], int(r[4])): r for r in list(csv.reader(f))[1:]}
    todo = [j for j in jobs() if j not in done]
    for job in todo:
        done[job] = train(job, x, y, x_valid, y_valid)
        with open(OUT, 'w', newline='') as f: csv.writer(f, lineterminator='\n').writerows([HEAD] + [done[j] for j in jobs() if j in done])
    print(f'{OUT.name}: {len(todo)} of {len(jobs())} runs were new, on {data_source()}')
