"""RMS of activations and gradients by depth, for the figure of lesson 05: fifty ReLU layers of 512 units, float64.

    python studies/depth.py            5 inits, 20 seeds each, about 3 minutes -> studies/depth.csv
    python studies/depth.py --quick    one network of each init, nothing is written

The input is 32 rows of normal numbers and the gradient from above is normal too, so that no data set is needed. Each init draws networks of its own
(`network(scheme, seed)` in the lesson does the same). A row of the file is one network, one direction, and the RMS at layers 1 to 50.
"""
import csv, functools, sys
from pathlib import Path
import torch
from torch import nn
from initcourse.init import init_weights_, kaiming_normal_, rms_by_depth

OUT = Path(__file__).with_name('depth.csv')
FILLS = {'N(0, 1)': nn.init.normal_, 'LeCun': functools.partial(kaiming_normal_, nonlinearity='linear'), 'Kaiming': kaiming_normal_,
         '0.01': functools.partial(nn.init.normal_, std=.01), 'PyTorch default': None}

def network(scheme, seed, depth=50, width=512):
    "Fifty layers, ReLU after each; `scheme` is a key of `FILLS`, and the seed is the init's own"
    torch.manual_seed(1000*list(FILLS).index(scheme) + seed)
    layers = [nn.Sequential(nn.Linear(width, width, dtype=torch.float64), nn.ReLU()) for _ in range(depth)]
    if FILLS[scheme] is not None: init_weights_(nn.ModuleList(layers), FILLS[scheme])
    return layers

def measure(scheme, seed):
    "RMS of activations and of gradients of one network: two (depth,) tensors"
    layers = network(scheme, seed)
    return rms_by_depth(layers, torch.randn(32, 512, dtype=torch.float64), seed=seed)

if __name__ == '__main__':
    quick = '--quick' in sys.argv
    rows = [(scheme, seed, way, *(f'{v:.6g}' for v in rms.tolist())) for scheme in FILLS for seed in range(1 if quick else 20)
            for way,rms in zip(('forward', 'backward'), measure(scheme, seed))]
    if quick:
        for r in rows: print(*r[:3], r[3], r[-1])
        sys.exit()
    with open(OUT, 'w', newline='') as f:
        out = csv.writer(f, lineterminator='\n')
        out.writerow(['init', 'seed', 'direction', *range(1, 51)])
        out.writerows(rows)
