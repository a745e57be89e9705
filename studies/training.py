"""How nets train under each init: loss and accuracy over one pass through the digits.

    python studies/training.py            every run that studies/training.csv does not hold yet; all take about 50 minutes on two cores
    python studies/training.py --quick    three steps of one run of each kind, nothing is written

Nets: `mlp3`, `mlp10`, `mlp30` with that many hidden ReLU layers of 128 units; `mlp30bn`, the same with BatchNorm before each ReLU; `conv4`, four
convolutions with strides of 2 (8, 16, 32 and 10 filters) and the mean over positions. Inits: the weights' std, with biases of zero, or
PyTorch's default for weights and biases; `A, B last` has init B in the last layer. Batches of 128, 390 steps, MNIST (or the stand-in where there is none: then the numbers differ).
Seeds are 0 to 4, fixed beforehand; every learning rate of the grid is run with every seed, and every run is written down.
The seed sets the weights and the order of the digits alike.
"""
import csv, itertools, math, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
import torch
import torch.nn.functional as F
from torch import nn
from initcourse.data import data_source, get_data, normalize_to

OUT = Path(__file__).with_name('training.csv')
WEIGHTS = (nn.Linear, nn.Conv2d)
STDS = {'N(0, 1)': lambda n: 1., '0.01': lambda n: .01, 'LeCun': lambda n: math.sqrt(1/n), 'Kaiming': lambda n: math.sqrt(2/n)}
LRS = {'sgd': (.003, .01, .03, .1, .3), 'adam': (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 'adam, eps 1e-30': (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)}
AT = (0, 10, 30, 100, 200, 390)
SEEDS = range(5)

def build(net, scheme):
    "The net, its weights drawn by `scheme` from the global generator"
    if net == 'conv4':
        layers = [nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
                  nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, 10, 3, stride=2, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    else:
        depth, norm = int(net.removeprefix('mlp').removesuffix('bn')), net.endswith('bn')
        layers, n = [], 784
        for _ in range(depth):
            layers += [nn.Linear(n, 128)] + ([nn.BatchNorm1d(128)] if norm else []) + [nn.ReLU()]
            n = 128
        layers.append(nn.Linear(n, 10))
    hidden, _, last = scheme.removesuffix(' last').partition(', ' if scheme.endswith(' last') else '\0')
    weights = [l for l in layers if isinstance(l, WEIGHTS)]
    for l in weights:
        std = last if last and l is weights[-1] else hidden
        if std == 'default': continue
        nn.init.normal_(l.weight, std=STDS[std](l.weight[0].numel()))
        nn.init.zeros_(l.bias)
    return nn.Sequential(*layers)

def train(job, at=AT):
    "One run: a list of rows (net, optimizer, scheme, lr, seed, step, training loss, validation loss, validation accuracy)"
    net, optimizer, scheme, lr, seed = job
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = build(net, scheme)
    opt = torch.optim.SGD(model.parameters(), lr) if optimizer == 'sgd' else torch.optim.Adam(model.parameters(), lr, eps=1e-8 if optimizer == 'adam' else 1e-30)
    order, rows = torch.randperm(len(X)), []
    for step in range(at[-1] + 1):
        batch = order[128*step:128*(step + 1)]
        loss = F.cross_entropy(model(X[batch]), Y[batch])
        if step in at:
            model.eval()
            with torch.no_grad(): out = model(XV)
            rows.append((*job, step, f'{loss.item():.4g}', f'{F.cross_entropy(out, YV).item():.4g}', f'{(out.argmax(1) == YV).float().mean().item():.4f}'))
            model.train()
        loss.backward()
        opt.step(); opt.zero_grad()
    return rows

def data():
    "Digits for the runs: all for training, 2,000 for validation"
    global X, Y, XV, YV
    X, Y, XV, YV = get_data()
    X, XV = normalize_to(X, XV)
    XV, YV = XV[:2000], YV[:2000]

def jobs():
    "Every run of the study"
    kinds = [(n, 'sgd', s) for n in ('mlp30', 'mlp10', 'mlp3') for s in (*STDS, 'default')]
    kinds += [(n, 'adam', s) for n in ('mlp30', 'mlp10', 'mlp3') for s in ('Kaiming', 'default')]
    kinds += [(n, o, s) for n in ('mlp30bn', 'conv4') for o in ('sgd', 'adam') for s in ('Kaiming', 'default')]
    kinds += [('mlp30bn', 'sgd', 'Kaiming, default last'), ('mlp30bn', 'sgd', 'default, Kaiming last'), ('mlp30', 'adam, eps 1e-30', 'default')]
    return [(*k, lr, seed) for k in kinds for lr in LRS[k[1]] for seed in SEEDS]

if __name__ == '__main__':
    data()
    if '--quick' in sys.argv:
        for _, group in itertools.groupby(jobs(), lambda j: j[:3]): print(*train(next(group), at=(0, 3))[-1])
        sys.exit()
    done = {}
    if OUT.exists():
        with open(OUT) as f:
            for net, optimizer, scheme, lr, seed, *rest in list(csv.reader(f))[1:]: done.setdefault((net, optimizer, scheme, float(lr), int(seed)), []).append((net, optimizer, scheme, lr, seed, *rest))
    todo = [j for j in jobs() if j not in done]
    with ProcessPoolExecutor(2, mp_context=get_context('spawn'), initializer=data) as pool:
        for job,rows in zip(todo, pool.map(train, todo)): done[job] = rows
    with open(OUT, 'w', newline='') as f:
        out = csv.writer(f, lineterminator='\n')
        out.writerow('net optimizer scheme lr seed step train_loss valid_loss valid_accuracy'.split())
        for job in jobs(): out.writerows(done[job])
    print(f'{OUT.name}: {len(todo)} of {len(jobs())} runs were new, on {data_source()}')
