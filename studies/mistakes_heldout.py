"""Wrong gradients as people write them: a held-out set on which the diagnosis of `initcourse.gradcheck` is judged.

Written without sight of the diagnosis, which was not changed in the light of it. `g` is always the upstream gradient; every wrong backward has one mistake.
Run this file to check, against autograd, that the right ones are right and the wrong ones wrong."""
import torch, math
import torch.nn.functional as F

MISTAKES = []            # (id, story, mistake, forward, right, wrong, inputs, names)


def op(names, inputs, forward, right):
    """One operation: returns `add(id, story, mistake, wrong)`, which files a wrong backward of it in MISTAKES."""
    def add(id, story, mistake, wrong):
        """File one entry; `wrong` may be a function, or the name of a slip that `right(..., slip=)` knows."""
        f = wrong if callable(wrong) else (lambda *a: right(*a, slip=wrong))
        MISTAKES.append((id, story, mistake, forward, right, f, inputs, names))
    return add


def const(seed, *shape, low=0.3, high=2.0):
    """A fixed positive float64 tensor with values between `low` and `high`."""
    return low + (high - low) * torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bits(seed, *shape, p=0.6):
    """A fixed boolean mask, True with probability `p`."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < p


def hot(y, n):
    """One-hot rows in float64."""
    return F.one_hot(y, n).double()


# ---------------------------------------------------------------- linear layers
linear = op('x w b', [(7, 5), (5, 11), (11,)], lambda x, w, b: x @ w + b, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(0)))
linear('linear-bias-not-summed', 'the bias is just added, so its gradient is the upstream', 'did not sum the bias gradient over the batch',
       lambda g, x, w, b: (g @ w.T, x.T @ g, g))
linear('linear-bias-summed-over-features', 'mixed up axis 0 and axis 1',
       'summed the bias gradient over the features (axis 1) instead of over the batch',
       lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(1)))
linear('linear-dw-averaged', 'a blog divides by m everywhere',
       'divided the weight gradient by the batch size although the upstream already has the mean',
       lambda g, x, w, b: (g @ w.T, x.T @ g / len(x), g.sum(0)))
linear('linear-dw-no-upstream', 'd(xw)/dw = x, done', 'did not use the upstream in the weight gradient: x.T @ ones instead of x.T @ upstream',
       lambda g, x, w, b: (g @ w.T, x.T @ torch.ones_like(g), g.sum(0)))
linear('linear-bias-keepdims', 'np.sum(dout, axis=0, keepdims=True), from a NumPy notebook',
       'kept the summed dimension in the bias gradient, which has shape (1, 11) instead of (11,)',
       lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(0, keepdim=True)))

square = op('x w', [(7, 5), (5, 5)], lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g))
square('square-dx-w-not-transposed', 'the shapes fit, so it must be right',
       'multiplied the upstream by w instead of by w transposed in the input gradient',
       lambda g, x, w: (g @ w, x.T @ g))
square('square-dw-transposed', 'matrix calculus with the other layout convention', 'the weight gradient is transposed: g.T @ x instead of x.T @ g',
       lambda g, x, w: (g @ w.T, g.T @ x))

seq = op('x w b', [(13, 7, 5), (5, 11), (11,)], lambda x, w, b: x @ w + b,
         lambda g, x, w, b: (g @ w.T, torch.einsum('nti,nto->io', x, g), g.sum((0, 1))))
seq('seq-linear-bias-one-axis', 'worked for matrices, then x got a time axis', 'summed the bias gradient over the batch only, not over time',
    lambda g, x, w, b: (g @ w.T, torch.einsum('nti,nto->io', x, g), g.sum(0)))
seq('seq-linear-dw-last-step', 'a loop over time with = where += was meant',
    'overwrote the weight gradient at each time step, so only the last step counts',
    lambda g, x, w, b: (g @ w.T, x[:, -1].T @ g[:, -1], g.sum((0, 1))))


# ---------------------------------------------------------------- two-layer net with ReLU and MSE
def mlp_forward(x, w1, b1, w2, b2, y):
    """Mean squared error of a two-layer ReLU net."""
    z = x @ w1 + b1
    h = z.clamp(min=0)
    out = h @ w2 + b2
    return ((out - y) ** 2).mean(), dict(z=z, h=h, out=out)


def mlp_backward(g, x, w1, b1, w2, b2, y, slip=''):
    """Backward of `mlp_forward`, right unless there is a slip."""
    z = x @ w1 + b1
    h = z.clamp(min=0)
    diff = h @ w2 + b2 - y
    dout = g * 2 * diff / (len(y) if slip == 'batch' else diff.numel())
    dw2 = (z if slip == 'z-for-h' else h).T @ dout
    dh = dout @ (w2 - 0.1 * dw2 if slip == 'stepped' else w2).T
    dz = dh * {'no-mask': 1, 'mask-grad': dh > 0}.get(slip, z > 0)
    return dz @ w1.T, x.T @ (dh if slip == 'dw1-dh' else dz), dz.sum(0), dw2, dout.sum(0), -dout


mlp = op('x w1 b1 w2 b2 y', [(7, 5), (5, 11), (11,), (11, 13), (13,), (7, 13)], mlp_forward, mlp_backward)
mlp('mlp-relu-mask-forgotten', 'went straight from the second layer to the first',
    'forgot the backward of the ReLU: the gradient of h is passed to z unmasked', 'no-mask')
mlp('mlp-relu-mask-of-gradient', 'relu backward written as dh.clamp(min=0)',
    'masked the ReLU by the sign of the gradient of h, not by the sign of z', 'mask-grad')
mlp('mlp-dw2-with-preactivation', 'took the wrong cached tensor', 'used the pre-activation z instead of the hidden h in the gradient of w2',
    'z-for-h')
mlp('mlp-dw1-before-relu', 'named both tensors dh', 'used the gradient of h, before the ReLU mask, in the gradient of w1', 'dw1-dh')
mlp('mlp-mse-divided-by-batch', 'the mean is over the examples, no?',
    'divided the MSE gradient by the batch size instead of by the number of elements', 'batch')
mlp('mlp-w2-updated-too-early', 'the SGD step sits inside the backward function',
    'updated w2 (step 0.1) before using it to propagate the gradient to h', 'stepped')

# ---------------------------------------------------------------- activations
leaky = op('x', [(7, 5)], lambda x: F.leaky_relu(x, 0.1), lambda g, x: (torch.where(x > 0, g, 0.1 * g),))
leaky('leaky-negative-side-zero', 'reused relu_backward', 'gave zero gradient on the negative side instead of the slope 0.1',
      lambda g, x: (g * (x > 0),))
leaky('leaky-slope-on-wrong-side', 'where() with its arguments swapped', 'applied the slope where x is positive and 1 where it is negative',
      lambda g, x: (torch.where(x > 0, 0.1 * g, g),))

prelu = op('x a', [(7, 5), (5,)], lambda x, a: torch.where(x > 0, x, a * x),
           lambda g, x, a: (g * torch.where(x > 0, 1.0, a), (g * x * (x <= 0)).sum(0)))
prelu('prelu-slope-grad-unmasked', 'd(ax)/da = x', 'summed the slope gradient over all entries, also where x is positive',
      lambda g, x, a: (g * torch.where(x > 0, 1.0, a), (g * x).sum(0)))
prelu('prelu-slope-grad-without-x', 'counted the negative entries', 'left out the factor x in the slope gradient',
      lambda g, x, a: (g * torch.where(x > 0, 1.0, a), (g * (x <= 0)).sum(0)))

sigmoid = op('x', [(7, 5)], torch.sigmoid, lambda g, x: (g * x.sigmoid() * (1 - x.sigmoid()),))
sigmoid('sigmoid-derivative-of-input', 'the blog names its output x', 'computed x * (1 - x) with the input instead of the sigmoid output',
        lambda g, x: (g * x * (1 - x),))
sigmoid('sigmoid-applied-twice', 'called sigmoid_prime(out), which calls sigmoid itself',
        'applied the sigmoid once more to its output before s * (1 - s)',
        lambda g, x: (g * x.sigmoid().sigmoid() * (1 - x.sigmoid().sigmoid()),))
sigmoid('sigmoid-no-upstream', 'returned the local derivative', 'did not multiply by the upstream gradient',
        lambda g, x: (x.sigmoid() * (1 - x.sigmoid()),))

tanh = op('x', [(5, 11)], torch.tanh, lambda g, x: (g * (1 - x.tanh() ** 2),))
tanh('tanh-one-minus-t', 'remembered 1 - tanh', 'forgot to square: 1 - t instead of 1 - t^2', lambda g, x: (g * (1 - x.tanh()),))
tanh('tanh-square-of-input', 'cached x, not the output', 'used the input instead of the output: 1 - x^2', lambda g, x: (g * (1 - x ** 2),))


def phi(x):
    """Standard normal density."""
    return torch.exp(-x ** 2 / 2) / math.sqrt(2 * math.pi)


def Phi(x):
    """Standard normal distribution function."""
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh_slope(x):
    """Derivative of the tanh approximation of GELU."""
    c = math.sqrt(2 / math.pi)
    t = torch.tanh(c * (x + 0.044715 * x ** 3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * c * (1 + 3 * 0.044715 * x ** 2)

gelu = op('x', [(7, 5)], lambda x: F.gelu(x), lambda g, x: (g * (Phi(x) + x * phi(x)),))
gelu('gelu-only-cdf', 'x times a gate, so the derivative is the gate', 'left out the second product-rule term x * phi(x)', lambda g, x: (g * Phi(x),))
gelu('gelu-tanh-backward-of-exact', 'forward from PyTorch, backward from the GPT-2 code',
     'used the derivative of the tanh approximation, but the forward is the exact GELU',
     lambda g, x: (g * gelu_tanh_slope(x),))

silu = op('x', [(7, 5)], lambda x: (x * x.sigmoid(), dict(s=x.sigmoid())), lambda g, x: (g * (x.sigmoid() + x * x.sigmoid() * (1 - x.sigmoid())),))
silu('silu-gate-not-differentiated', 'thought of the gate as a mask', 'treated the sigmoid gate as a constant: only s',
     lambda g, x: (g * x.sigmoid(),))
silu('silu-blog-formula-with-x', 'f + s(1 - f), with f read as the input', 'used x in place of the output f in f + s * (1 - f)',
     lambda g, x: (g * (x + x.sigmoid() * (1 - x)),))


def swish_backward(g, x, beta, slip=''):
    """Backward of x * sigmoid(beta x) with one beta per feature."""
    s = (beta * x).sigmoid()
    d = s * (1 - s)
    return g * (s + x * d * (1 if slip == 'no-beta' else beta)), (g * x * (1 if slip == 'one-x' else x) * d).sum(0)


swish = op('x beta', [(7, 5), (5,)], lambda x, beta: x * (beta * x).sigmoid(), swish_backward)
swish('swish-beta-missing-in-dx', 'started from the SiLU formula', 'left out the inner factor beta in the input gradient', 'no-beta')
swish('swish-dbeta-one-x', 'saw one x, there are two', 'the gradient of beta has x instead of x^2: the inner factor x is missing', 'one-x')

softplus = op('x', [(7, 5)], lambda x: F.softplus(x, beta=3.0), lambda g, x: (g * (3 * x).sigmoid(),))
softplus('softplus-sign-in-exponent', '1/(1 + e^x)', 'used sigmoid(-beta x) instead of sigmoid(beta x)', lambda g, x: (g * (-3 * x).sigmoid(),))
softplus('softplus-extra-beta', 'chain rule, but the 1/beta in front was overlooked', 'multiplied by beta, which cancels against the 1/beta in front',
         lambda g, x: (g * 3 * (3 * x).sigmoid(),))

clamp = op('x', [(7, 11)], lambda x: x.clamp(-0.5, 0.7), lambda g, x: (g * ((x > -0.5) & (x < 0.7)),))
clamp('clamp-upper-bound-ignored', 'wrote it as a shifted ReLU', 'masked at the lower bound only', lambda g, x: (g * (x > -0.5),))
clamp('clamp-clamps-the-gradient', 'clamp backward is a clamp',
      'clamped the upstream gradient to [-0.5, 0.7] instead of masking it where x is out of range',
      lambda g, x: (g.clamp(-0.5, 0.7),))


# ---------------------------------------------------------------- softmax and its losses
def softmax_backward(g, s, dim=-1):
    """Input gradient of a softmax with output `s`."""
    return s * (g - (g * s).sum(dim, keepdim=True))


softmax = op('x', [(7, 5)], lambda x: x.softmax(1), lambda g, x: (softmax_backward(g, x.softmax(1)),))
softmax('softmax-diagonal-only', 'like a sigmoid: s(1 - s)', 'used only the diagonal of the softmax Jacobian, s * (1 - s)',
        lambda g, x: (g * x.softmax(1) * (1 - x.softmax(1)),))
softmax('softmax-sum-over-batch', 'axis=0 from a column-vector text',
        'the inner sum of g * s runs over the batch (axis 0) instead of over the classes',
        lambda g, x: (softmax_backward(g, x.softmax(1), 0),))
softmax('softmax-sum-without-s', 'sum of the upstream', 'the inner sum is of g instead of g * s',
        lambda g, x: (x.softmax(1) * (g - g.sum(1, keepdim=True)),))

softmax2 = op('x', [(7, 7)], lambda x: x.softmax(1), lambda g, x: (softmax_backward(g, x.softmax(1)),))
softmax2('softmax-keepdim-forgotten', '(g * s).sum(1), and the matrix was square',
         'forgot keepdim in the inner sum, so the row sums are broadcast along the columns',
         lambda g, x: (x.softmax(1) * (g - (g * x.softmax(1)).sum(1)),))

logsm = op('x', [(7, 5)], lambda x: x.log_softmax(1), lambda g, x: (g - x.softmax(1) * g.sum(1, keepdim=True),))
logsm('logsoftmax-upstream-not-summed', 'dx = g * (1 - s)', 'did not sum the upstream over the classes: g - s * g',
      lambda g, x: (g - x.softmax(1) * g,))
logsm('logsoftmax-logp-for-p', 'used the cached output', 'used the log-probabilities instead of the probabilities in g - p * sum(g)',
      lambda g, x: (g - x.log_softmax(1) * g.sum(1, keepdim=True),))
logsm('logsoftmax-softmax-inner-sum', 'mixed up the two Jacobians', 'the inner sum is of g * s, as for the softmax, instead of g',
      lambda g, x: (g - x.softmax(1) * (g * x.softmax(1)).sum(1, keepdim=True),))

labels = torch.tensor([3, 0, 4, 1, 3, 2, 3])


def columns_minus_one(p, y):
    """p with p[:, y] -= 1, as people write it for p[arange, y] -= 1."""
    p = p.clone()
    p[:, y] -= 1
    return p

ce = op('x y', [(7, 5), labels], lambda x, y: (F.cross_entropy(x, y), dict(p=x.softmax(1))),
        lambda g, x, y: (g * (x.softmax(1) - hot(y, 5)) / 7, None))
ce('ce-not-divided-by-batch', 'the famous p - y', 'did not divide by the batch size although the loss is a mean',
   lambda g, x, y: (g * (x.softmax(1) - hot(y, 5)), None))
ce('ce-whole-columns-subtracted', 'dlogits[:, y] -= 1', 'subtracted 1 from the whole column of every label, not only at (row, label)',
   lambda g, x, y: (g * columns_minus_one(x.softmax(1), y) / 7, None))
ce('ce-one-subtracted-after-dividing', 'probs /= n; probs[range(n), y] -= 1', 'subtracted 1 after dividing by n: p / n - onehot',
   lambda g, x, y: (g * (x.softmax(1) / 7 - hot(y, 5)), None))
ce('ce-softmax-over-batch', 'np.exp(z) / np.exp(z).sum(axis=0)', 'took the softmax over the batch axis in the backward',
   lambda g, x, y: (g * (x.softmax(0) - hot(y, 5)) / 7, None))
ce('ce-upstream-ignored', 'the loss is the end, its gradient is 1', 'did not multiply by the upstream gradient of the loss',
   lambda g, x, y: ((x.softmax(1) - hot(y, 5)) / 7, None))
ce('ce-labels-off-by-one', 'labels from 1 to 5 in the Matlab code', 'subtracted 1 at the class after the label (off by one)',
   lambda g, x, y: (g * (x.softmax(1) - hot((y + 1) % 5, 5)) / 7, None))

pad = torch.tensor([3, -100, 4, 1, -100, 2, 3])


def ce_pad_right(g, x, y, slip=''):
    """Backward of the cross-entropy that ignores the label -100."""
    ok = y >= 0
    d = x.softmax(1) - hot(y.clamp(min=0), 5) * ok[:, None]
    return g * d * (1 if slip == 'pad' else ok[:, None]) / (len(y) if slip == 'count' else ok.sum()), None


cepad = op('x y', [(7, 5), pad], lambda x, y: F.cross_entropy(x, y, ignore_index=-100), ce_pad_right)
cepad('ce-ignored-count', 'padding came later', 'divided by all rows instead of by the number of rows that are not ignored', 'count')
cepad('ce-ignored-rows-get-gradient', 'only skipped the -1', 'ignored rows still get the gradient p instead of zero', 'pad')

pixels = op('z y', [(5, 7, 11), bits(1, 5, 7, 11)], lambda z, y: (F.binary_cross_entropy_with_logits(z, y.double()), dict(p=z.sigmoid())),
            lambda g, z, y: (g * (z.sigmoid() - y.double()) / 385, None))
pixels('pixel-bce-divided-by-images', 'the batch size, as always', 'divided by the number of images instead of by the number of all pixels',
       lambda g, z, y: (g * (z.sigmoid() - y.double()) / 5, None))
pixels('pixel-bce-sigmoid-derivative-twice', 'loss gradient p - y, then through the sigmoid',
       'multiplied p - y by p * (1 - p) once more, which is contained already',
       lambda g, z, y: (g * (z.sigmoid() - y.double()) * z.sigmoid() * (1 - z.sigmoid()) / 385, None))

# ---------------------------------------------------------------- other losses
mse = op('p y', [(7, 5), (7, 5)], lambda p, y: (((p - y) ** 2).mean(), dict(diff=p - y)),
         lambda g, p, y: (g * 2 * (p - y) / 35, -g * 2 * (p - y) / 35))
mse('mse-factor-two', 'assumed the loss has a 1/2', 'forgot the factor 2', lambda g, p, y: (g * (p - y) / 35, -g * (p - y) / 35))
mse('mse-target-same-sign', 'copied the line and changed the name', 'the gradient of the target has the same sign as that of the prediction',
    lambda g, p, y: (g * 2 * (p - y) / 35, g * 2 * (p - y) / 35))

huber = op('p y', [(7, 11), (7, 11)], lambda p, y: (F.huber_loss(p, y, delta=0.7), dict(e=p - y)),
           lambda g, p, y: (g * (p - y).clamp(-0.7, 0.7) / 77, -g * (p - y).clamp(-0.7, 0.7) / 77))
huber('huber-sign-lost', 'the slope of the linear branch is delta', 'left out the sign of the error in the linear branch: always +delta',
      lambda g, p, y: (d := g * torch.where((p - y).abs() < 0.7, p - y, 0.7) / 77, -d))
huber('huber-branches-swapped', '> instead of <', 'swapped the quadratic and the linear branch',
      lambda g, p, y: (d := g * torch.where((p - y).abs() > 0.7, p - y, 0.7 * (p - y).sign()) / 77, -d))

kl = op('p q', [const(2, 7, 5), const(3, 7, 5)], lambda p, q: (p * (p / q).log()).sum(1),
        lambda g, p, q: (g[:, None] * ((p / q).log() + 1), -g[:, None] * p / q))
kl('kl-plus-one-missing', 'p is only the weight', 'left out the + 1 from differentiating log p',
   lambda g, p, q: (g[:, None] * (p / q).log(), -g[:, None] * p / q))
kl('kl-dq-sign', 'd log q = 1/q', 'the minus sign is missing in the gradient of q',
   lambda g, p, q: (g[:, None] * ((p / q).log() + 1), g[:, None] * p / q))


def cosine_backward(g, a, b, slip=''):
    """Backward of the cosine similarity of rows."""
    na, nb = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    c, g = (a * b).sum(1, keepdim=True) / (na * nb), g[:, None]
    if slip == 'const': return g * b / (na * nb), g * a / (na * nb)
    if slip == 'norms': return g * (b / (na * nb) - c * a / nb ** 2), g * (a / (na * nb) - c * b / na ** 2)
    return g * (b / (na * nb) - c * a / na ** 2), g * (a / (na * nb) - c * b / nb ** 2)


cosine = op('a b', [(7, 5), (7, 5)], lambda a, b: F.cosine_similarity(a, b, dim=1), cosine_backward)
cosine('cosine-norms-constant', 'the norms just rescale', 'treated the two norms as constants', 'const')
cosine('cosine-norms-swapped', 'by symmetry, but not quite', 'divided the second term by the squared norm of the other vector', 'norms')


# ---------------------------------------------------------------- normalization layers
def bn_forward(x, gamma, beta):
    """BatchNorm with batch statistics."""
    mu, var = x.mean(0), x.var(0, unbiased=False)
    xhat = (x - mu) / (var + 1e-5).sqrt()
    return gamma * xhat + beta, dict(mu=mu, var=var, xhat=xhat)


def bn_backward(g, x, gamma, beta, slip=''):
    """Backward of `bn_forward`, step by step."""
    n, xc = len(x), x - x.mean(0)
    var = (xc ** 2).sum(0) / (n - 1 if slip == 'unbiased' else n)
    inv = (var + (0 if slip == 'no-eps' else 1e-5)) ** -0.5
    xhat = xc * inv
    dxhat = g * (1 if slip == 'no-gamma' else gamma)
    dvar = (dxhat * xc).sum(0) * (-0.5) * inv ** (1 if slip == 'power' else 3)
    dmu = -(dxhat * inv).sum(0)
    dx = dxhat * inv + dvar * 2 * xc / n + dmu / n
    if slip == 'stats-const': dx = dxhat * inv
    return dx, (g * (x if slip == 'dgamma-x' else xhat)).sum(0), g.sum(0)


bn = op('x gamma beta', [(7, 5), (5,), (5,)], bn_forward, bn_backward)
bn('bn-statistics-constant', 'it is just scale and shift', 'treated the batch mean and variance as constants', 'stats-const')
bn('bn-gamma-missing', 'dxhat = dout', 'forgot to multiply the upstream by gamma in the input gradient', 'no-gamma')
bn('bn-dgamma-with-x', 'cached x', 'used the input x instead of the normalized xhat in the gradient of gamma', 'dgamma-x')
bn('bn-unbiased-variance', 'called x.var(0) again in the backward', 'the backward uses the unbiased variance (n - 1), the forward the biased one',
   'unbiased')
bn('bn-dvar-power', 'd v^(-1/2) = -1/2 v^(-1/2)', 'used the power -1/2 instead of -3/2 in the gradient of the variance', 'power')
bn('bn-eps-missing', 'eps is only for safety', 'left out eps in the backward', 'no-eps')


def ln_forward(x, gamma, beta):
    """LayerNorm over the last axis."""
    return F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-5)


def ln_backward(g, x, gamma, beta, slip=''):
    """Backward of `ln_forward`."""
    xc = x - x.mean(-1, keepdim=True)
    inv = ((xc ** 2).mean(-1, keepdim=True) + 1e-5) ** -0.5
    xhat, dim = xc * inv, 0 if slip == 'batch-axis' else -1
    d = g if slip == 'gamma-late' else g * gamma
    a, b = d.mean(dim, keepdim=True), (d * xhat).mean(dim, keepdim=True) * xhat
    dx = inv * (d - a - (0 if slip == 'no-proj' else b))
    lead = tuple(range(x.dim() - 1)) if slip != 'one-axis' else (0,)
    return gamma * dx if slip == 'gamma-late' else dx, (g * xhat).sum(lead), g.sum(-1 if slip == 'beta-axis' else lead)


ln = op('x gamma beta', [(7, 11), (11,), (11,)], ln_forward, ln_backward)
ln('ln-gamma-after-projection', 'adapted from a BatchNorm formula where gamma stands in front',
   'multiplied by gamma after removing the means instead of before', 'gamma-late')
ln('ln-means-over-batch', 'axis=0 left over from BatchNorm', 'took the means of the backward over the batch (axis 0) instead of over the features',
   'batch-axis')
ln('ln-projection-missing', 'only recentred the gradient', 'left out the variance term xhat * mean(dxhat * xhat)', 'no-proj')
ln('ln-dbeta-over-features', 'everything in LayerNorm is over the last axis',
   'summed the gradient of beta over the features instead of over the batch', 'beta-axis')
ln3 = op('x gamma beta', [(5, 7, 11), (11,), (11,)], ln_forward, ln_backward)
ln3('ln-3d-parameters-summed-over-batch-only', 'sum(0), as for matrices',
    'summed the gradients of gamma and beta over the batch only, not over time', 'one-axis')


def rms_backward(g, x, w, slip=''):
    """Backward of RMSNorm."""
    r = ((x ** 2).mean(1, keepdim=True) + 1e-6) ** -0.5
    d = g * w
    inner = (d * x).sum(1, keepdim=True) if slip == 'sum' else (d * x).mean(1, keepdim=True)
    dx = d * r if slip == 'const' else d * r - x * inner * r ** 3
    return dx - d.mean(1, keepdim=True) * r if slip == 'centred' else dx, (g * x * r).sum(0)


rms = op('x w', [(7, 11), (11,)], lambda x, w: (w * x * ((x ** 2).mean(1, keepdim=True) + 1e-6) ** -0.5,
                                                dict(r=((x ** 2).mean(1, keepdim=True) + 1e-6) ** -0.5)), rms_backward)
rms('rms-constant', 'r is a number per row', 'treated the root mean square as a constant', 'const')
rms('rms-mean-subtracted', 'LayerNorm backward with the names changed', 'also subtracted the mean of the gradient, as in LayerNorm', 'centred')
rms('rms-sum-for-mean', 'the 1/d got lost', 'summed instead of averaged over the features in the second term', 'sum')


def gn_backward(g, x, gamma, slip=''):
    """Backward of GroupNorm with 2 groups and no bias."""
    n, c, t = x.shape
    xg = x.reshape(n, 2, -1)
    xc = xg - xg.mean(2, keepdim=True)
    inv = ((xc ** 2).mean(2, keepdim=True) + 1e-5) ** -0.5
    xhat = xc * inv
    d = (g * gamma[:, None]).reshape(n, 2, -1)
    if slip == 'per-channel':
        d4, h4 = d.reshape(n, c, t), xhat.reshape(n, c, t)
        dx = inv.repeat_interleave(c // 2, 1) * (d4 - d4.mean(2, keepdim=True) - h4 * (d4 * h4).mean(2, keepdim=True))
    else:
        dx = (inv * (d - d.mean(2, keepdim=True) - xhat * (d * xhat).mean(2, keepdim=True))).reshape(x.shape)
    dgamma = g * xhat.reshape(x.shape)
    return dx, dgamma.sum(0).mean(1) if slip == 'averaged' else dgamma.sum((0, 2))


gn = op('x gamma', [(5, 14, 11), (14,)], lambda x, gamma: F.group_norm(x, 2, gamma, None, 1e-5), gn_backward)
gn('groupnorm-means-per-channel', 'InstanceNorm backward', 'took the means of the backward over each channel instead of over the group',
   'per-channel')
gn('groupnorm-dgamma-averaged-over-positions', 'every position shares gamma',
   'averaged the gradient of gamma over the positions instead of summing', 'averaged')


def l2_backward(g, x, slip=''):
    """Backward of x / ||x|| for rows."""
    n = x.norm(dim=1, keepdim=True)
    u = x / n
    if slip == 'const': return (g / n,)
    if slip == 'no-n': return (g - u * (g * u).sum(1, keepdim=True),)
    if slip == 'x-not-unit': return ((g - x * (g * x).sum(1, keepdim=True)) / n,)
    return ((g - u * (g * u).sum(1, keepdim=True)) / n,)


l2 = op('x', [(7, 5)], lambda x: (x / x.norm(dim=1, keepdim=True), dict(norm=x.norm(dim=1, keepdim=True))), l2_backward)
l2('l2norm-constant', 'divided the upstream by the norm', 'treated the norm as a constant', 'const')
l2('l2norm-not-divided', 'projected the gradient and stopped', 'did not divide the projected gradient by the norm', 'no-n')
l2('l2norm-projected-on-x', 'cached the wrong vector', 'projected with x instead of the unit vector x / ||x||', 'x-not-unit')


# ---------------------------------------------------------------- residuals, reuse, elementwise
res = op('x w', [(7, 5), (5, 5)], lambda x, w: (x + (x @ w).clamp(min=0), dict(z=x @ w)),
         lambda g, x, w: (g + (g * (x @ w > 0)) @ w.T, x.T @ (g * (x @ w > 0))))
res('residual-skip-forgotten', 'backward of the block only', 'left out the gradient of the skip connection',
    lambda g, x, w: ((g * (x @ w > 0)) @ w.T, x.T @ (g * (x @ w > 0))))
res('residual-skip-masked', 'applied the mask to g in place, then added g', 'the gradient of the skip connection is masked by the ReLU too',
    lambda g, x, w: (g * (x @ w > 0) + (g * (x @ w > 0)) @ w.T, x.T @ (g * (x @ w > 0))))

gram = op('x', [(7, 5)], lambda x: x @ x.T, lambda g, x: ((g + g.T) @ x,))
gram('gram-one-path', 'x.T was seen as another variable', 'counted only one of the two uses of x: g @ x', lambda g, x: (g @ x,))
gram('gram-symmetric-upstream', 'd(x x^T) = 2x', 'assumed a symmetric upstream: 2 * g @ x instead of (g + g.T) @ x', lambda g, x: (2 * g @ x,))

mul = op('a b', [(7, 5), (7, 5)], lambda a, b: a * b, lambda g, a, b: (g * b, g * a))
mul('product-own-factor', 'cached the operands in the wrong order', 'multiplied each gradient by its own factor instead of by the other one',
    lambda g, a, b: (g * a, g * b))
mul('product-db-without-upstream', 'copy and paste', 'the gradient of b is not multiplied by the upstream', lambda g, a, b: (g * b, a.clone()))

div = op('a b', [(7, 5), const(4, 7, 5)], lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b ** 2))
div('division-db-sign', 'd(1/b) = 1/b^2', 'the minus sign is missing in the gradient of the denominator', lambda g, a, b: (g / b, g * a / b ** 2))
div('division-not-squared', '-a/b', 'did not square the denominator in its gradient', lambda g, a, b: (g / b, -g * a / b))

poly = op('x w', [(7, 5), (3,)], lambda x, w: w[0] * x + w[1] * x ** 2 + w[2] * x ** 3,
          lambda g, x, w: (g * (w[0] + 2 * w[1] * x + 3 * w[2] * x ** 2), torch.stack([(g * x ** k).sum() for k in (1, 2, 3)])))
poly('poly-coefficient-forgotten', 'lowered the power only', 'left out the factors 2 and 3 from the power rule',
     lambda g, x, w: (g * (w[0] + w[1] * x + w[2] * x ** 2), torch.stack([(g * x ** k).sum() for k in (1, 2, 3)])))
poly('poly-weights-off-by-one', 'range(3) starts at 0', 'the powers in the weight gradient are 0, 1, 2 instead of 1, 2, 3',
     lambda g, x, w: (g * (w[0] + 2 * w[1] * x + 3 * w[2] * x ** 2), torch.stack([(g * x ** k).sum() for k in (0, 1, 2)])))

# ---------------------------------------------------------------- reductions, broadcasting, indexing
mean = op('x', [(7, 5)], lambda x: x.mean(0), lambda g, x: (g.expand(7, 5) / 7,))
mean('mean-not-divided', 'broadcast the upstream', 'did not divide by the number of averaged entries', lambda g, x: (g.expand(7, 5).clone(),))
mean('mean-wrong-count', 'x.shape[1]', 'divided by the size of the other axis (5 instead of 7)', lambda g, x: (g.expand(7, 5) / 5,))

mx = op('x', [(7, 5)], lambda x: x.max(1).values, lambda g, x: (g[:, None] * (x == x.max(1, keepdim=True).values),))
mx('max-gradient-to-all', 'reduced like a sum', 'gave the upstream to every entry of the row instead of only to the largest',
   lambda g, x: (g[:, None].expand(7, 5).clone(),))
mx('max-mask-by-column', 'argmax(0)', 'marked the largest entry of each column instead of each row',
   lambda g, x: (g[:, None] * (x == x.max(0, keepdim=True).values),))

pool = op('x', [(5, 7, 22)], lambda x: F.avg_pool1d(x, 2), lambda g, x: (g.repeat_interleave(2, 2) / 2,))
pool('avgpool-not-divided', 'upsampled the gradient', 'did not divide by the window size', lambda g, x: (g.repeat_interleave(2, 2),))
pool('avgpool-repeat-for-interleave', 'np.tile for np.repeat', 'tiled the gradient (abcabc) instead of repeating each entry (aabbcc)',
     lambda g, x: (g.repeat(1, 1, 2) / 2,))

scale = op('x s', [(7, 5), (7, 1)], lambda x, s: x * s, lambda g, x, s: (g * s, (g * x).sum(1, keepdim=True)))
scale('row-scale-axis', 'sum(0), always sum(0)', 'summed the scale gradient over the rows instead of along each row',
      lambda g, x, s: (g * s, (g * x).sum(0, keepdim=True)))
scale('row-scale-mean', 'one scale for five entries', 'averaged the scale gradient over the broadcast axis instead of summing',
      lambda g, x, s: (g * s, (g * x).mean(1, keepdim=True)))

outer = op('a b', [(7,), (7,)], lambda a, b: a[:, None] + b[None], lambda g, a, b: (g.sum(1), g.sum(0)))
outer('outer-sum-axes-swapped', 'both have 7 entries', 'swapped the axes of the two sums', lambda g, a, b: (g.sum(0), g.sum(1)))
outer('outer-sum-diagonal', 'g[i, i]', 'took the diagonal of the upstream instead of its row and column sums',
      lambda g, a, b: (g.diagonal().clone(), g.diagonal().clone()))

cums = op('x', [(7, 5)], lambda x: x.cumsum(0), lambda g, x: (g.flip(0).cumsum(0).flip(0),))
cums('cumsum-forward-again', 'linear, so the same again', 'took the cumulative sum of the upstream from the start instead of from the end',
     lambda g, x: (g.cumsum(0),))
cums('cumsum-exclusive', 'sum of the later ones', 'off by one: sums only over the later positions, without the own one',
     lambda g, x: (g.flip(0).cumsum(0).flip(0) - g,))

drop_mask = bits(7, 7, 5, p=0.7)
drop = op('x m', [(7, 5), drop_mask], lambda x, m: x * m / 0.7, lambda g, x, m: (g * m / 0.7, None))
drop('dropout-scale-missing', 'only the mask', 'did not divide by the keep probability', lambda g, x, m: (g * m, None))
drop('dropout-mask-inverted', 'the mask says what is dropped', 'used the complement of the mask', lambda g, x, m: (g * ~m / 0.7, None))
drop('dropout-fresh-mask', 'called dropout() in the backward', 'drew a new mask in the backward instead of using the one of the forward',
     lambda g, x, m: (g * bits(8, 7, 5, p=0.7) / 0.7, None))

ids = torch.tensor([2, 9, 2, 0, 5, 9, 2])


def scatter(g, ids, n, how='add'):
    """Scatter the rows of g into n rows: adding them up, or keeping the last one."""
    d = torch.zeros(n, g.shape[1], dtype=g.dtype)
    if how == 'add': return d.index_add(0, ids, g)
    for i, r in zip(ids.tolist(), g): d[i] = r
    return d

emb = op('table ids', [(11, 5), ids], lambda table, ids: table[ids], lambda g, table, ids: (scatter(g, ids, 11), None))
emb('embedding-duplicates-overwritten', 'dtable[ids] = g', 'rows of repeated ids overwrite each other instead of adding up',
    lambda g, table, ids: (scatter(g, ids, 11, 'last'), None))
emb('embedding-averaged', 'frequent words should not dominate', 'averaged over the occurrences of an id instead of adding up',
    lambda g, table, ids: (scatter(g, ids, 11) / torch.bincount(ids, minlength=11).clamp(min=1)[:, None], None))

pos = op('x p', [(5, 7, 11), (7, 11)], lambda x, p: x + p, lambda g, x, p: (g.clone(), g.sum(0)))
pos('position-not-summed', 'added, so the upstream passes', 'did not sum the gradient of the positional embedding over the batch',
    lambda g, x, p: (g.clone(), g.clone()))
pos('position-first-example', 'g[0] has the right shape', 'took the gradient of the first example instead of the sum over the batch',
    lambda g, x, p: (g.clone(), g[0].clone()))

pick = op('x idx', [(7, 5), labels], lambda x, idx: x.gather(1, idx[:, None])[:, 0], lambda g, x, idx: (g[:, None] * hot(idx, 5), None))
pick('gather-mask-without-upstream', 'the derivative is one-hot', 'returned the one-hot mask without the upstream',
     lambda g, x, idx: (hot(idx, 5), None))
pick('gather-whole-columns', 'dx[:, idx] += g', 'wrote the upstream into whole columns idx, instead of one entry for each row',
     lambda g, x, idx: (scatter(g[:, None], idx, 5, 'last').T.expand(7, 5).clone(), None))


# ---------------------------------------------------------------- attention, bilinear forms, distances
rt5 = math.sqrt(5)
att = op('q k', [(7, 5), (11, 5)], lambda q, k: q @ k.T / rt5, lambda g, q, k: (g @ k / rt5, g.T @ q / rt5))
att('scores-scale-missing', 'the scale is a constant, skip it', 'left out the scale 1/sqrt(d)', lambda g, q, k: (g @ k, g.T @ q))
att('scores-scale-only-dq', 'wrote the scale once', 'left out the scale 1/sqrt(d) in the gradient of k', lambda g, q, k: (g @ k / rt5, g.T @ q))
att('scores-dk-transposed', 'gradient of k.T', 'returned the gradient of k transposed: q.T @ g', lambda g, q, k: (g @ k / rt5, q.T @ g / rt5))


def sdpa_forward(q, k, v):
    """Causal attention of one head."""
    s = (q @ k.T / rt5).masked_fill(torch.ones(7, 7).triu(1).bool(), -math.inf)
    p = s.softmax(1)
    return p @ v, dict(p=p)


def sdpa_backward(g, q, k, v, slip=''):
    """Backward of `sdpa_forward`."""
    s = q @ k.T / rt5
    if slip != 'unmasked': s = s.masked_fill(torch.ones(7, 7).triu(1).bool(), -math.inf)
    p = s.softmax(1)
    ds = softmax_backward(g @ v.T, p)
    return ds @ k / rt5, ds.T @ q / rt5, (p if slip == 'dv' else p.T) @ g


sdpa = op('q k v', [(7, 5), (7, 5), (7, 11)], sdpa_forward, sdpa_backward)
sdpa('attention-dv-p-not-transposed', 'p is 7 by 7, so it fits', 'multiplied the upstream by p instead of by p transposed in the gradient of v', 'dv')
sdpa('attention-mask-forgotten', 'recomputed p in the backward', 'recomputed the probabilities without the causal mask in the backward', 'unmasked')

bil = op('x a y', [(7, 5), (5, 5), (7, 5)], lambda x, a, y: ((x @ a) * y).sum(1),
         lambda g, x, a, y: (g[:, None] * (y @ a.T), x.T @ (g[:, None] * y), g[:, None] * (x @ a)))
bil('bilinear-da-transposed', 'y x^T from the matrix cookbook', 'the matrix gradient is transposed: sum of y x^T instead of x y^T',
    lambda g, x, a, y: (g[:, None] * (y @ a.T), y.T @ (g[:, None] * x), g[:, None] * (x @ a)))
bil('bilinear-dy-a-transposed', 'by analogy with dx', 'used a transposed in the gradient of y: x @ a.T instead of x @ a',
    lambda g, x, a, y: (g[:, None] * (y @ a.T), x.T @ (g[:, None] * y), g[:, None] * (x @ a.T)))

quad = op('x a', [(7, 5), (5, 5)], lambda x, a: ((x @ a) * x).sum(1), lambda g, x, a: (g[:, None] * (x @ (a + a.T)), x.T @ (g[:, None] * x)))
quad('quadratic-symmetric-a', "(x'Ax)' = 2Ax", 'assumed a symmetric matrix: 2 A x instead of (A + A^T) x',
     lambda g, x, a: (g[:, None] * 2 * (x @ a.T), x.T @ (g[:, None] * x)))
quad('quadratic-one-use', 'held the second x fixed', 'counted only one of the two uses of x',
     lambda g, x, a: (g[:, None] * (x @ a.T), x.T @ (g[:, None] * x)))


# ---------------------------------------------------------------- convolution
def conv_forward(x, w, b):
    """1-d convolution with padding 1."""
    return F.conv1d(x, w, b, padding=1)


def conv_backward(g, x, w, b, slip=''):
    """Backward of `conv_forward`."""
    n, c, t = x.shape
    full = torch.zeros(n, c, t + 2, dtype=x.dtype)
    for i in range(t):
        part = torch.einsum('no,ock->nck', g[:, :, i], w.flip(2) if slip == 'flip' else w)
        full[:, :, i:i + 3] = part if slip == 'overwrite' else full[:, :, i:i + 3] + part
    dw = torch.einsum('not,nctk->ock', g, F.pad(x, (1, 1)).unfold(2, 3, 1))
    return full[:, :, :-2] if slip == 'crop' else full[:, :, 1:-1], dw, g.sum(0) if slip == 'bias' else g.sum((0, 2))


conv = op('x w b', [(5, 7, 13), (11, 7, 3), (11,)], conv_forward, conv_backward)
conv('conv-kernel-flipped', 'backward of a convolution is a convolution with the flipped kernel, flipped once too often',
     'the kernel is reversed in the input gradient', 'flip')
conv('conv-windows-overwritten', 'dx[..., i:i+3] = ...', 'overlapping windows overwrite each other in the input gradient instead of adding up',
     'overwrite')
conv('conv-padding-cropped-at-end', 'dx[:, :, :-2]', 'cropped the padding from the end only, so the input gradient is shifted by one', 'crop')
conv('conv-bias-over-batch-only', 'sum(0)', 'summed the bias gradient over the batch only, not over the positions', 'bias')


# ---------------------------------------------------------------- gates, recurrence, sums of losses
def gate_backward(g, x, w, v, slip=''):
    """Backward of (x @ w) * sigmoid(x @ v)."""
    a, z = x @ w, x @ v
    s = z.sigmoid()
    da, dz = g * (z if slip == 'pre' else s), g * a * s * (1 - s)
    return da @ w.T if slip == 'one-branch' else da @ w.T + dz @ v.T, x.T @ da, x.T @ dz


gate = op('x w v', [(7, 5), (5, 11), (5, 11)], lambda x, w, v: ((x @ w) * (x @ v).sigmoid(), dict(a=x @ w, z=x @ v, s=(x @ v).sigmoid())),
          gate_backward)
gate('gate-dx-one-branch', 'dx = da @ w.T', 'left out the gradient that reaches x through the gate', 'one-branch')
gate('gate-preactivation-for-gate', 'cached z, not sigmoid(z)', 'multiplied the value branch by the gate pre-activation z instead of sigmoid(z)',
     'pre')


def rnn_forward(x, wx, wh, b):
    """All hidden states of a tanh RNN that starts at zero; time is the first axis."""
    h, hs = torch.zeros(x.shape[1], wh.shape[0], dtype=x.dtype), []
    for xt in x:
        h = torch.tanh(xt @ wx + h @ wh + b)
        hs.append(h)
    return torch.stack(hs)


def rnn_backward(g, x, wx, wh, b, slip=''):
    """Backpropagation through time for `rnn_forward`."""
    hs = rnn_forward(x, wx, wh, b)
    dx, dwx, dwh, db, carry = torch.zeros_like(x), 0 * wx, 0 * wh, 0 * b, 0
    for t in reversed(range(len(x))):
        prev = hs[t - 1] if t else 0 * hs[0]
        dh = g[t] + (0 if slip == 'truncated' else carry)
        dz = dh * (1 - hs[t] ** 2)
        dx[t] = dz @ wx.T
        dwx, dwh = dwx + x[t].T @ dz, dwh + (hs[t] if slip == 'same-h' else prev).T @ dz
        db = dz.sum(0) if slip == 'db-overwritten' else db + dz.sum(0)
        carry = dz @ wh.T
    return dx, dwx, dwh, db


rnn = op('x wx wh b', [(5, 7, 11), (11, 13), (13, 13), (13,)], rnn_forward, rnn_backward)
rnn('rnn-carry-forgotten', 'each step on its own', 'did not pass the gradient back to the previous hidden state', 'truncated')
rnn('rnn-dwh-same-step', 'hs[t] where hs[t-1] belongs',
    'used the hidden state of the same step instead of the previous one in the gradient of wh (off by one)', 'same-h')
rnn('rnn-db-overwritten', 'db = dz.sum(0)', 'overwrote the bias gradient at each step instead of adding up', 'db-overwritten')


def ridge_backward(g, x, w, y, slip=''):
    """Backward of mean((x @ w - y)^2) + 0.1 * sum(w^2)."""
    d = 2 * (x @ w - y) / y.numel()
    decay = {'none': 0, 'half': 0.1}.get(slip, 0.2) * w
    return g * d @ w.T, g * x.T @ d + (decay if slip == 'no-upstream' else g * decay), -g * d


ridge = op('x w y', [(7, 5), (5, 11), (7, 11)], lambda x, w, y: (((x @ w - y) ** 2).mean() + 0.1 * (w ** 2).sum(), dict(out=x @ w)), ridge_backward)
ridge('decay-forgotten', 'the penalty was in another function', 'left out the gradient of the weight decay term', 'none')
ridge('decay-factor-two', 'lambda/2 in the lecture, lambda in the code', 'forgot the factor 2 in the gradient of the weight decay term', 'half')
ridge('decay-without-upstream', 'grad += 2 * lam * w at the end', 'did not multiply the weight decay term by the upstream', 'no-upstream')

two = op('p y', [(7, 5), (7, 5)], lambda p, y: ((p - y) ** 2).mean() + 0.3 * (p - y).abs().mean(), lambda g, p, y: (
    d := g * (2 * (p - y) + 0.3 * (p - y).sign()) / 35, -d))
two('two-losses-second-overwrites', 'grad = ... twice', 'the gradient of the second loss overwrites that of the first',
    lambda g, p, y: (d := g * 0.3 * (p - y).sign() / 35, -d))
two('two-losses-weight-missing', 'added both gradients', 'left out the weight 0.3 of the second loss',
    lambda g, p, y: (d := g * (2 * (p - y) + (p - y).sign()) / 35, -d))


def draw(inputs, seed):
    """Random float64 tensors for the shapes; tensors are taken as they are."""
    gen = torch.Generator().manual_seed(seed)
    return [i.clone() if torch.is_tensor(i) else torch.randn(*i, dtype=torch.float64, generator=gen) for i in inputs]


def differs(a, b, tol):
    """Whether gradient `a` differs from the reference `b` in kind, shape or value."""
    if a is None or b is None: return (a is None) != (b is None)
    return a.shape != b.shape or not bool((a - b).abs().max() <= tol * b.abs().max().clamp(min=1e-12))


def check(entry, seed):
    """Compare the right and the wrong backward of an entry with autograd for one seed."""
    id, story, text, forward, right, wrong, inputs, names = entry
    xs = draw(inputs, seed)
    leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in xs]
    out = forward(*leaves)
    out = out[0] if isinstance(out, tuple) else out
    g = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 100))
    ref = iter(torch.autograd.grad(out, [v for v in leaves if v.requires_grad], g))
    ref = [next(ref) if v.requires_grad else None for v in leaves]
    before = [x.clone() for x in xs + [g]]
    good, bad = right(g, *xs), wrong(g, *xs)
    assert len(good) == len(bad) == len(xs) == len(names.split()), id
    assert not any(differs(a, r, 1e-9) for a, r in zip(good, ref)), f'{id}: right is not right'
    assert any(differs(a, r, 1e-6) for a, r in zip(bad, ref)), f'{id}: wrong is not wrong'
    assert all(torch.equal(a, b) for a, b in zip(before, xs + [g])), f'{id}: changes its inputs'


if __name__ == '__main__':
    assert len({m[0] for m in MISTAKES}) == len(MISTAKES), 'ids must be unique'
    for m in MISTAKES:
        for seed in range(3): check(m, seed)
    print(len(MISTAKES), 'mistakes in', len({id(m[3]) for m in MISTAKES}), 'forward functions: all as they should be')
