"""The first fifty steps of the course's CNN at a bold learning rate: who collapses, who explodes, who loses units.

    python studies/first_steps.py            every run that studies/first_steps.csv does not hold yet; all take about 10 minutes on one core
    python studies/first_steps.py --quick    three steps of one run of each set-up, nothing is written

Plain gradient descent, learning rate .5, batches of 512 out of the first 25,600 digits, each seen once. Init: `default`, PyTorch's, or `Kaiming`'s for the convolutions.
Activation: `ReLU`; `leak`, slope .1 for negative inputs; `shift`, ReLU less .4; `both`. Schedule: `constant`, or `warm-up`, a rate that grows linearly from a
twenty-fifth of .5 to .5 over the fifty steps. Seeds 0 to 19, fixed beforehand; a seed sets weights and order alike; every run is written down.

A row is a run. nan_step: the step whose loss was not finite (empty if there is none). fall: the largest factor by which the std of the fifth convolution's output has
fallen from a level reached before. dead0 to dead4: the largest share of dead channels of each of the five layers at any step; dead_end: that of the fifth at the
end. loss: mean of the last ten steps. These four kinds are empty for a run that ended in NaN. curvature: the largest eigenvalue, by size, of the second derivatives of the
loss with respect to all weights at init, for the first 256 digits, by 40 steps of power iteration. MNIST (or the stand-in where there is none: then the numbers differ).
"""
import csv, statistics, sys
from pathlib import Path
import torch
import torch.nn.functional as F
from initcourse.data import data_source, get_data, normalize_to
from initcourse.hooks import ActivationStats, get_cnn
from initcourse.init import init_weights_
from initcourse.learner import Learner, NonFiniteLoss, Scheduler, linear
from initcourse.training import SGD, DataLoader, Dataset

OUT = Path(__file__).with_name('first_steps.csv')
KEY = 'init activation schedule seed'.split()
HEAD = [*KEY, 'nan_step', 'fall', *(f'dead{i}' for i in range(5)), 'dead_end', 'loss', 'curvature']
ACTIVATIONS = {'ReLU': {}, 'leak': dict(leak=.1), 'shift': dict(sub=.4), 'both': dict(leak=.1, sub=.4)}
SEEDS, LR = range(20), .5

def build(init, activation):
    "The CNN, its weights drawn from the global generator"
    act = ACTIVATIONS[activation]
    model = get_cnn(**act)
    if init == 'Kaiming': init_weights_(model[:5], a=act.get('leak', 0.))
    return model

def largest_curvature(model, x, y, steps=40):
    "Largest eigenvalue, by size, of the second derivatives of the loss at the model's weights"
    ps = list(model.parameters())
    g = torch.cat([t.flatten() for t in torch.autograd.grad(F.cross_entropy(model(x), y), ps, create_graph=True)])
    v = torch.randn_like(g).detach()
    for _ in range(steps):
        v = v/v.norm()
        hv = torch.cat([t.flatten() for t in torch.autograd.grad(g, ps, v, retain_graph=True)])
        h, v = (hv @ v).item(), hv
    return h

def train(job, x, y):
    "One run as a row"
    init, activation, schedule, seed = job
    torch.manual_seed(seed)
    h = f'{largest_curvature(build(init, activation), x[:256], y[:256]):.4g}'
    torch.manual_seed(seed)
    dl = DataLoader(Dataset(x, y), 512, shuffle=True, generator=torch.Generator().manual_seed(seed))
    learn, watch = Learner(build(init, activation), (dl, None), F.cross_entropy, SGD, lr=LR), ActivationStats(('std', 'dead'), list('01234'))
    try: learn.fit(1, cbs=[watch] + ([Scheduler(lr=linear(LR/25, LR))] if schedule == 'warm-up' else []))
    except NonFiniteLoss: return [*job, int(watch.steps[-1])] + ['']*8 + [h]
    std, dead = watch.stats['4']['std'], [watch.stats[i]['dead'] for i in '01234']
    numbers = [(std.cummax(0).values/std).max(), *(d.max() for d in dead), dead[4][-1], statistics.mean(learn.recorder.losses[-10:])]
    return [*job, '', *(f'{v:.4g}' for v in numbers), h]

def jobs(seeds=SEEDS):
    kinds = [('default', 'ReLU'), ('default', 'both')] + [('Kaiming', a) for a in ACTIVATIONS]
    return [(*k, schedule, seed) for k in kinds for schedule in ('constant', 'warm-up') for seed in seeds]

if __name__ == '__main__':
    torch.set_num_threads(1)
    x, y, x_valid, _ = get_data()
    x, _ = normalize_to(x, x_valid)
    x, y = x.view(-1, 1, 28, 28)[:512*50], y[:512*50]
    if '--quick' in sys.argv:
        for job in jobs(range(1)): print(*train(job, x[:1536], y[:1536]))
        sys.exit()
    done = {}
    if OUT.exists():
        with open(OUT) as f: done = {(*r[:3], int(r[3])): r for r in list(csv.reader(f))[1:]}
    todo = [j for j in jobs() if j not in done]
    for job in todo:
        done[job] = train(job, x, y)
        with open(OUT, 'w', newline='') as f: csv.writer(f, lineterminator='\n').writerows([HEAD] + [done[j] for j in jobs() if j in done])
    print(f'{OUT.name}: {len(todo)} of {len(jobs())} runs were new, on {data_source()}')
