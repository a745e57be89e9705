"""What normalization does to the choice of an init, and to small batches.

    python studies/normalization.py            every run that studies/normalization.csv does not hold yet; all take about 45 minutes on one core
    python studies/normalization.py --quick    three steps of one run of each kind, nothing is written

Part `scale`: 8 hidden ReLU layers of 64 units, weights of std s*sqrt(2/fan_in) in the hidden layers, s from .001 to 1000, biases 0, no normalization (`none`) or
one behind each hidden linear layer (`batch`, `layer`); the last layer has std sqrt(1/fan_in), or s times that (`batch, last too`). 200 steps of gradient
descent, batches of 128. Every rate of the grid LRS with every s that is a power of ten; rate .1 also between. For s < 1 the normalized nets have the rates LOW
as well: these were added when the best rates of `batch` at s = .01 and of `layer` at s = .001 and .01 had turned out to be the lowest of LRS; none is at an
edge now. Without normalization logits grow like s**8, gradients of the last layer like s**8 and of the others like s**7: for s > 1 also rates from .001/s**8 to
1/s**6, two to a decade.
Part `batch`: 3 hidden layers of 64 units, Kaiming's weights, 6,400 digits in batches of 2 to 128, no normalization or `batch`, `layer`, `group`
(8 groups), `running` (`initcourse.norm.RunningBatchNorm`). Five or six rates for each batch size (BATCH_LRS), higher ones for larger batches, so that
these runs take a quarter of an hour; a best rate at the edge of its grid would have to be looked at.
Each row: accuracy on 2,000 validation digits in eval mode, and the same in train mode, in batches of the training's size; the training loss (mean of the last
tenth of the steps); RMS of the second layer's weights at the end over Kaiming's.
Seeds are 0 to 4, scales and rates as below: fixed beforehand, but for LOW. Every run is written down. The seed sets weights and order of the digits alike.
MNIST, or the stand-in where there is none: then the numbers differ.
"""
import csv, itertools, math, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from torch import nn
from initcourse.data import data_source, get_data, normalize_to

OUT = Path(__file__).with_name('normalization.csv')
HEAD = 'part norm scale batch lr seed steps train_loss accuracy accuracy_train_mode scale_end'.split()
SEEDS = range(5)
SCALES = [10**(k/2) for k in range(-6, 7)]
LOW = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5)
LRS = (1e-4, 3e-4, .001, .003, .01, .03, .1, .3, 1., 3., 10., 30., 100.)
BATCH_LRS = {2: (.001, .003, .01, .03, .1, .3), 4: (.001, .003, .01, .03, .1, .3), 8: (.003, .01, .03, .1, .3, 1.),
             32: (.01, .03, .1, .3, 1., 3.), 128: (.03, .1, .3, 1., 3.)}

def norm_layer(kind, n):
    "A list with the normalization layer, if there is one"
    if kind == 'running':
        from initcourse.norm import RunningBatchNorm
        return [RunningBatchNorm(n)]
    return {'none': lambda: [], 'batch': lambda: [nn.BatchNorm1d(n)], 'layer': lambda: [nn.LayerNorm(n)], 'group': lambda: [nn.GroupNorm(8, n)]}[kind]()

def build(kind, scale=1., depth=8, width=64):
    "The net, its weights drawn from the global generator"
    kind, _, last_too = kind.partition(', ')
    layers, n = [], 784
    for _ in range(depth):
        layers += [nn.Linear(n, width, bias=kind == 'none'), *norm_layer(kind, width), nn.ReLU()]
        n = width
    layers.append(nn.Linear(n, 10))
    for l in layers:
        if not isinstance(l, nn.Linear): continue
        std = scale*math.sqrt(2/l.in_features) if l is not layers[-1] else (scale if last_too else 1)*math.sqrt(1/l.in_features)
        with torch.no_grad(): l.weight.normal_().mul_(std)
        if l.bias is not None: nn.init.zeros_(l.bias)
    return nn.Sequential(*layers)

def accuracy(model, xv, yv, bs=None):
    "Share of the validation digits that are named rightly; in train mode and batches of `bs`, unless that is None"
    model.train(bs is not None)
    kept = {k: v.clone() for k,v in model.state_dict().items()}
    with torch.no_grad(): out = torch.cat([model(b) for b in xv.split(bs or len(xv))])
    model.load_state_dict(kept)
    model.train()
    return (out.argmax(1) == yv).float().mean().item()

def train(job, data, steps=None):
    "One run: its row"
    part, kind, scale, bs, lr, seed = job
    x, y, xv, yv = data
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = build(kind, scale) if part == 'scale' else build(kind, scale, depth=3)
    steps = steps or (200 if part == 'scale' else 6400//bs)
    params = list(model.parameters())
    order, losses = torch.randperm(len(x)), []
    for step in range(steps):
        batch = order[bs*step:bs*(step + 1)]
        loss = F.cross_entropy(model(x[batch]), y[batch])
        losses.append(loss.detach())
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad(): torch._foreach_add_(params, grads, alpha=-lr)
    loss = torch.stack(losses[-max(1, steps//10):]).mean().item()
    w = next(l for l in list(model)[1:] if isinstance(l, nn.Linear)).weight
    end = w.double().square().mean().sqrt().item()/math.sqrt(2/w.shape[1])
    in_train_mode = f'{accuracy(model, xv, yv, bs):.4f}' if kind != 'none' else ''
    return (*job, steps, f'{loss:.4g}', f'{accuracy(model, xv, yv):.4f}', in_train_mode, f'{end:.4g}')

def load():
    "Digits for the runs: all for training, 2,000 for validation"
    x, y, xv, yv = get_data()
    x, xv = normalize_to(x, xv)
    return x, y, xv[:2000], yv[:2000]

def jobs():
    "Every run of the study"
    for norm, (k,s) in itertools.product(('none', 'batch', 'layer', 'batch, last too'), enumerate(SCALES)):
        lrs = LRS if k % 2 == 0 else (.1,)
        if norm == 'none' and k % 2 == 0 and s > 1.5: lrs += tuple(10**(e/2) for e in range(round(-6 - 16*math.log10(s)), round(-12*math.log10(s)) + 1))
        if norm != 'none' and k % 2 == 0 and s < .5: lrs = LOW + lrs
        for lr, seed in itertools.product(lrs, SEEDS): yield 'scale', norm, f'{s:.4g}', 128, f'{lr:.4g}', seed
    for bs, norm in itertools.product(reversed(BATCH_LRS), ('none', 'batch', 'layer', 'group', 'running')):
        for lr, seed in itertools.product(BATCH_LRS[bs], SEEDS): yield 'batch', norm, '1', bs, f'{lr:.4g}', seed

def typed(job):
    "A job with numbers for its texts"
    part, norm, scale, bs, lr, seed = job
    return part, norm, float(scale), int(bs), float(lr), int(seed)

if __name__ == '__main__':
    data = load()
    if '--quick' in sys.argv:
        for _, group in itertools.groupby(jobs(), lambda j: j[:3]): print(*train(typed(next(group)), data, steps=3))
        sys.exit()
    done = {}
    if OUT.exists():
        with open(OUT) as f: done = {typed(r[:6]): r for r in list(csv.reader(f))[1:]}
    else: OUT.write_text(','.join(HEAD) + '\n')
    todo = [j for j in map(typed, jobs()) if j not in done and (len(sys.argv) < 2 or j[0] == sys.argv[1])]
    for i,job in enumerate(todo):
        row = train(job, data)
        with open(OUT, 'a', newline='') as f: csv.writer(f, lineterminator='\n').writerow((*row[:2], f'{row[2]:.4g}', row[3], f'{row[4]:.4g}', *row[5:]))
        if i % 100 == 0: print(f'{i} of {len(todo)}', flush=True)
    with open(OUT) as f: done = {typed(r[:6]): r for r in list(csv.reader(f))[1:]}
    with open(OUT, 'w', newline='') as f:                                   # in the order of jobs()
        out = csv.writer(f, lineterminator='\n')
        out.writerow(HEAD)
        out.writerows(done[j] for j in map(typed, jobs()) if j in done)
    print(f'{OUT.name}: {len(todo)} runs were new, on {data_source()}')
