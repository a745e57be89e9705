"""Wrong gradients as people write them, on which the diagnosis of `initcourse.gradcheck` was tried while it was built.

Each entry holds one mistake in a backward pass written by hand, next to the right one. The first version of the diagnosis was written before this set, later
ones with it in view; the set in mistakes_heldout.py was not in view. Run this file to check, against autograd, that the right ones are right and the wrong ones wrong."""
import math
from collections import Counter, namedtuple
import torch
import torch.nn.functional as F

MISTAKES = []            # (id, story, mistake, forward, right, wrong, inputs, names)
Mistake = namedtuple('Mistake', 'id story mistake forward right wrong inputs names')
Op = namedtuple('Op', 'name story names inputs forward right')
GEN = torch.Generator().manual_seed(42)


def mistake(op, slug, text, wrong):
    """Add one wrong backward pass of `op` to MISTAKES; `text` is what a grader would write."""
    MISTAKES.append(Mistake(f'{op.name}-{slug}', op.story, text, op.forward, op.right, wrong, op.inputs, op.names))


def onehot(y, n):
    """Rows of the identity, in float64, for the labels `y`."""
    return F.one_hot(y, n).double()


def positive(*shape):
    """A fixed float64 tensor of values between 0.5 and 2."""
    return torch.rand(*shape, generator=GEN, dtype=torch.float64) * 1.5 + .5


# ---- linear layer

def linear_right(g, x, w, b):
    """Backward of x @ w + b."""
    return g @ w.T, x.T @ g, g.sum(0)


LINEAR = Op('linear', 'homework: a linear layer', 'x w b', [(7, 5), (5, 11), (11,)], lambda x, w, b: x @ w + b, linear_right)
mistake(LINEAR, 'bias-not-summed', 'did not sum the bias gradient over the batch', lambda g, x, w, b: (g @ w.T, x.T @ g, g))
mistake(LINEAR, 'bias-wrong-axis', 'summed the bias gradient over the features instead of over the batch',
        lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(1)))
mistake(LINEAR, 'dw-transposed', 'wrote the weight gradient transposed, g.T @ x instead of x.T @ g', lambda g, x, w, b: (g @ w.T, g.T @ x, g.sum(0)))
mistake(LINEAR, 'dx-no-upstream', 'used ones instead of the upstream gradient in the input gradient',
        lambda g, x, w, b: (torch.ones_like(g) @ w.T, x.T @ g, g.sum(0)))
mistake(LINEAR, 'bias-missing', 'never computed the bias gradient (returned None)', lambda g, x, w, b: (g @ w.T, x.T @ g, None))

SQUARE = Op('linear-square', 'homework: a linear layer with as many outputs as inputs', 'x w b', [(7, 5), (5, 5), (5,)],
            lambda x, w, b: x @ w + b, linear_right)
mistake(SQUARE, 'dx-w-not-transposed', 'did not transpose w in the input gradient (g @ w)', lambda g, x, w, b: (g @ w, x.T @ g, g.sum(0)))
mistake(SQUARE, 'dw-transposed', 'wrote the weight gradient transposed, g.T @ x instead of x.T @ g', lambda g, x, w, b: (g @ w.T, g.T @ x, g.sum(0)))
mistake(SQUARE, 'dw-accumulated', 'weight gradient counted twice: added onto the gradient left over from an earlier call that was not zeroed',
        lambda g, x, w, b: (g @ w.T, x.T @ g + x.T @ g, g.sum(0)))

# ---- linear regression with a vector of predictions


def regression_right(g, x, w, y):
    """Backward of mean((x @ w - y)**2)."""
    d = 2 * g * (x @ w - y) / len(y)
    return torch.outer(d, w), x.T @ d, -d


def regression_broadcast(g, x, w, y):
    """The difference of (n, 1) and (n,) is (n, n)."""
    d = (2 * g * ((x @ w)[:, None] - y) / len(y)).sum(1)
    return torch.outer(d, w), x.T @ d, -d


REGRESSION = Op('regression', 'forum: linear regression, one number per row', 'x w y', [(7, 5), (5,), (7,)],
                lambda x, w, y: ((x @ w - y)**2).mean(), regression_right)
mistake(REGRESSION, 'residual-broadcast', 'subtracted y of shape (n,) from (n, 1): every prediction minus every target, summed over the targets',
        regression_broadcast)
mistake(REGRESSION, 'dw-no-residual', 'left the residual (prediction minus target) out of the weight gradient',
        lambda g, x, w, y: (torch.outer(2 * g * (x @ w - y) / len(y), w), x.T @ (2 * g * torch.ones_like(y) / len(y)), -2 * g * (x @ w - y) / len(y)))
mistake(REGRESSION, 'target-dropped', 'left the target out of the residual: used the prediction alone',
        lambda g, x, w, y: (torch.outer(2 * g * (x @ w) / len(y), w), x.T @ (2 * g * (x @ w) / len(y)), -2 * g * (x @ w) / len(y)))
mistake(REGRESSION, 'order-swapped', 'returned the gradients of x and w in swapped order',
        lambda g, x, w, y: (regression_right(g, x, w, y)[1], regression_right(g, x, w, y)[0], regression_right(g, x, w, y)[2]))

# ---- two-layer net with ReLU and MSE loss

NET_INPUTS, NET_NAMES = [(7, 5), (5, 11), (11,), (11, 13), (13,), (7, 13)], 'x w1 b1 w2 b2 y'


def net(x, w1, b1, w2, b2, y):
    """Loss of a two-layer net."""
    return ((torch.relu(x @ w1 + b1) @ w2 + b2 - y)**2).mean()


def net_named(x, w1, b1, w2, b2, y):
    """The same with its intermediates named."""
    z = x @ w1 + b1
    h = torch.relu(z)
    out = h @ w2 + b2
    return ((out - y)**2).mean(), dict(z=z, h=h, out=out)


def net_back(g, x, w1, b1, w2, b2, y, dout=lambda g, d: 2 * g * d / d.numel(), mask=lambda dh, z, h: dh * (z > 0)):
    """Backward of the net, with the derivative of the loss and of the ReLU to be replaced."""
    z = x @ w1 + b1
    h = torch.relu(z)
    do = dout(g, h @ w2 + b2 - y)
    dh = do @ w2.T
    dz = mask(dh, z, h)
    return dz @ w1.T, x.T @ dz, dz.sum(0), h.T @ do, do.sum(0), -do


def net_change(i, new):
    """The right backward of the net, with gradient number `i` replaced by new(do, dh, dz, h, z, x, w1, w2)."""
    def wrong(g, x, w1, b1, w2, b2, y):
        """A backward pass with one gradient wrong."""
        z = x @ w1 + b1
        h = torch.relu(z)
        do = 2 * g * (h @ w2 + b2 - y) / y.numel()
        dh = do @ w2.T
        grads = list(net_back(g, x, w1, b1, w2, b2, y))
        grads[i] = new(do, dh, dh * (z > 0), h, z, x, w1, w2)
        return tuple(grads)
    return wrong


def net_with(**kw):
    """The backward of the net with its loss or ReLU derivative replaced."""
    return lambda *a: net_back(*a, **kw)


NET = Op('net', 'homework: two-layer net, ReLU, MSE', NET_NAMES, NET_INPUTS, net, net_back)
NETN = Op('net-named', 'homework: two-layer net, ReLU, MSE, intermediates kept', NET_NAMES, NET_INPUTS, net_named, net_back)
mistake(NET, 'relu-mask-forgotten', 'forgot the backward of the ReLU: passed the gradient of h on to z without a mask',
        net_with(mask=lambda dh, z, h: dh))
mistake(NETN, 'relu-mask-on-gradient', 'masked by the sign of the incoming gradient instead of the sign of the pre-activation',
        net_with(mask=lambda dh, z, h: dh * (dh > 0)))
mistake(NETN, 'mse-batch-only', 'divided the loss gradient by the batch size instead of the number of elements',
        net_with(dout=lambda g, d: 2 * g * d / len(d)))
mistake(NETN, 'upstream-forgotten', 'ignored the upstream gradient of the loss (took it to be 1)', net_with(dout=lambda g, d: 2 * d / d.numel()))
mistake(NETN, 'dw2-from-z', 'used the pre-activation z instead of h = relu(z) in the gradient of w2',
        net_change(3, lambda do, dh, dz, h, z, x, w1, w2: z.T @ do))
mistake(NET, 'db1-before-mask', 'summed the gradient before the ReLU mask (dh) for b1', net_change(2, lambda do, dh, dz, h, z, x, w1, w2: dh.sum(0)))
mistake(NETN, 'dw1-before-mask', 'used dh instead of dz in the gradient of w1, so its ReLU mask is missing',
        net_change(1, lambda do, dh, dz, h, z, x, w1, w2: x.T @ dh))
mistake(NET, 'db2-copy-paste', 'copied the line of b1 for b2: returned the gradient of b1 as the gradient of b2',
        net_change(4, lambda do, dh, dz, h, z, x, w1, w2: dz.sum(0)))

# ---- ReLU, leaky ReLU, clamp

RELU = Op('relu', 'homework: ReLU alone', 'x', [(7, 11)], torch.relu, lambda g, x: (g * (x > 0),))
mistake(RELU, 'mask-inverted', 'inverted the mask: let the gradient through where x < 0', lambda g, x: (g * (x < 0),))
mistake(RELU, 'times-output', 'multiplied by relu(x) itself instead of by its derivative', lambda g, x: (g * x.relu(),))
mistake(RELU, 'sign', 'used sign(x) as the derivative, which is -1 instead of 0 on the negative side', lambda g, x: (g * x.sign(),))
mistake(RELU, 'threshold-one', 'let the gradient through only where x > 1 (threshold 1 instead of 0)', lambda g, x: (g * (x > 1),))
mistake(RELU, 'relu-of-upstream', 'applied relu to the upstream gradient instead of masking it by x', lambda g, x: (g.relu(),))

SLOPE = .1
LEAKY = Op('leaky-relu', 'homework: leaky ReLU with slope 0.1', 'x', [(7, 11)], lambda x: F.leaky_relu(x, SLOPE),
           lambda g, x: (torch.where(x > 0, g, SLOPE * g),))
mistake(LEAKY, 'plain-relu', 'forgot the negative branch: gradient 0 instead of slope times upstream where x < 0', lambda g, x: (g * (x > 0),))
mistake(LEAKY, 'branches-swapped', 'swapped the branches: slope on the positive side, 1 on the negative',
        lambda g, x: (torch.where(x > 0, SLOPE * g, g),))
mistake(LEAKY, 'negative-times-x', 'on the negative side multiplied by slope * x (the value) instead of slope',
        lambda g, x: (torch.where(x > 0, g, SLOPE * x * g),))
mistake(LEAKY, 'negative-sign', 'used -slope as the derivative on the negative side', lambda g, x: (torch.where(x > 0, g, -SLOPE * g),))
mistake(LEAKY, 'negative-no-upstream', 'wrote the bare slope on the negative side, without the upstream gradient',
        lambda g, x: (torch.where(x > 0, g, torch.full_like(g, SLOPE)),))
mistake(LEAKY, 'sign-of-upstream', 'chose the branch by the sign of the upstream gradient instead of the sign of x',
        lambda g, x: (torch.where(g > 0, g, SLOPE * g),))
mistake(LEAKY, 'slope-default', 'used the default slope 0.01 in the backward while the forward has 0.1',
        lambda g, x: (torch.where(x > 0, g, .01 * g),))

LO, HI = -.5, .8
CLAMP = Op('clamp', 'office hours: clamp between -0.5 and 0.8', 'x', [(7, 11)], lambda x: x.clamp(LO, HI), lambda g, x: (g * ((x > LO) & (x < HI)),))
mistake(CLAMP, 'no-mask', 'passed the gradient through as if clamp were the identity', lambda g, x: (g,))
mistake(CLAMP, 'upper-only', 'masked only the values above the upper bound, forgot the lower bound', lambda g, x: (g * (x < HI),))
mistake(CLAMP, 'lower-only', 'masked only the values below the lower bound, forgot the upper bound', lambda g, x: (g * (x > LO),))
mistake(CLAMP, 'inverted', 'inverted the mask: gradient only where x was clamped', lambda g, x: (g * ((x < LO) | (x > HI)),))
mistake(CLAMP, 'clamped-upstream', 'clamped the upstream gradient instead of masking it by x', lambda g, x: (g.clamp(LO, HI),))
mistake(CLAMP, 'mask-with-upstream', 'compared the upstream gradient, not x, with the bounds', lambda g, x: (g * ((g > LO) & (g < HI)),))
mistake(CLAMP, 'symmetric-bounds', 'masked by abs(x) < upper bound, although the lower bound is a different one', lambda g, x: (g * (x.abs() < HI),))

# ---- sigmoid, tanh, SiLU, GELU

SIGMOID = Op('sigmoid', 'homework: sigmoid', 'x', [(7, 11)], torch.sigmoid, lambda g, x: (g * x.sigmoid() * (1 - x.sigmoid()),))
mistake(SIGMOID, 'no-upstream', 'forgot to multiply by the upstream gradient', lambda g, x: (x.sigmoid() * (1 - x.sigmoid()),))
mistake(SIGMOID, 'plus', 'wrote s * (1 + s) instead of s * (1 - s)', lambda g, x: (g * x.sigmoid() * (1 + x.sigmoid()),))
mistake(SIGMOID, 'twice', 'applied sigmoid to the cached output again before using s * (1 - s)',
        lambda g, x: (g * x.sigmoid().sigmoid() * (1 - x.sigmoid().sigmoid()),))
mistake(SIGMOID, 'from-input', 'used x * (1 - x) with the input instead of the output', lambda g, x: (g * x * (1 - x),))
mistake(SIGMOID, 'one-minus-only', 'left out the factor s: wrote 1 - s', lambda g, x: (g * (1 - x.sigmoid()),))
mistake(SIGMOID, 'sign', 'wrote s * (s - 1), the wrong sign', lambda g, x: (g * x.sigmoid() * (x.sigmoid() - 1),))
mistake(SIGMOID, 'tanh-formula', 'used the derivative of tanh, 1 - s**2', lambda g, x: (g * (1 - x.sigmoid()**2),))

TANH = Op('tanh', 'homework: tanh', 'x', [(7, 11)], torch.tanh, lambda g, x: (g * (1 - x.tanh()**2),))
mistake(TANH, 'twice', 'took tanh of the cached output again: 1 - tanh(tanh(x))**2', lambda g, x: (g * (1 - x.tanh().tanh()**2),))
mistake(TANH, 'from-input', 'used 1 - x**2 with the input instead of the output', lambda g, x: (g * (1 - x**2),))
mistake(TANH, 'square-forgotten', 'forgot the square: 1 - t', lambda g, x: (g * (1 - x.tanh()),))
mistake(TANH, 'plus', 'wrote 1 + t**2', lambda g, x: (g * (1 + x.tanh()**2),))
mistake(TANH, 'sigmoid-formula', 'used the derivative of the sigmoid, t * (1 - t)', lambda g, x: (g * x.tanh() * (1 - x.tanh()),))
mistake(TANH, 'precedence', 'misplaced parenthesis: g - t**2 instead of g * (1 - t**2)', lambda g, x: (g * 1 - x.tanh()**2,))


def silu(x):
    """x * sigmoid(x), with s named."""
    s = x.sigmoid()
    return x * s, dict(s=s)


SILU = Op('silu', 'forum: SiLU / swish', 'x', [(7, 11)], silu, lambda g, x: (g * x.sigmoid() * (1 + x * (1 - x.sigmoid())),))
mistake(SILU, 'only-gate', 'forgot the path through the sigmoid: g * s only', lambda g, x: (g * x.sigmoid(),))
mistake(SILU, 'only-inner', 'forgot the direct path: only x * s * (1 - s)', lambda g, x: (g * x * x.sigmoid() * (1 - x.sigmoid()),))
mistake(SILU, 'one-minus-forgotten', 'forgot the factor 1 - s in the derivative of the sigmoid: s + x * s',
        lambda g, x: (g * (x.sigmoid() + x * x.sigmoid()),))
mistake(SILU, 'x-forgotten', 'forgot the factor x in the second term: s + s * (1 - s)', lambda g, x: (g * x.sigmoid() * (2 - x.sigmoid()),))
mistake(SILU, 'minus', 'subtracted the second term: s - x * s * (1 - s)', lambda g, x: (g * x.sigmoid() * (1 - x * (1 - x.sigmoid())),))

C, A = math.sqrt(2 / math.pi), .044715


def gelu_back(g, x, c=C, three=3, half=.5, inner=1):
    """Backward of GELU in its tanh form, with constants to be spoiled."""
    t = torch.tanh(C * (x + A * x**3))
    return (g * (.5 * (1 + t) + inner * half * x * (1 - t**2) * c * (1 + three * A * x**2)),)


GELU = Op('gelu', 'homework: GELU, tanh form', 'x', [(7, 11)], lambda x: F.gelu(x, approximate='tanh'), gelu_back)
mistake(GELU, 'only-gate', 'forgot the product rule: only 0.5 * (1 + t), no term through the tanh', lambda g, x: gelu_back(g, x, inner=0))
mistake(GELU, 'cube-without-3', 'forgot the factor 3 when differentiating the cube', lambda g, x: gelu_back(g, x, three=1))
mistake(GELU, 'constant-forgotten', 'forgot the inner constant sqrt(2 / pi) in the chain rule', lambda g, x: gelu_back(g, x, c=1))
mistake(GELU, 'half-forgotten', 'forgot the factor 0.5 in the second term', lambda g, x: gelu_back(g, x, half=1))
mistake(GELU, 'exact-derivative', 'used the derivative of the exact (erf) GELU for a forward with the tanh approximation',
        lambda g, x: (g * (.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-x**2 / 2) / math.sqrt(2 * math.pi)),))

# ---- softmax, log-softmax, logsumexp, cross-entropy


def softmax_right(g, x):
    """Backward of softmax over the last axis."""
    p = x.softmax(-1)
    return (p * (g - (g * p).sum(-1, keepdim=True)),)


SOFTMAX = Op('softmax', 'homework: softmax over rows', 'x', [(7, 11)], lambda x: x.softmax(-1), softmax_right)
mistake(SOFTMAX, 'diagonal-only', 'used only the diagonal of the Jacobian, p * (1 - p), as for a sigmoid',
        lambda g, x: (g * x.softmax(-1) * (1 - x.softmax(-1)),))
mistake(SOFTMAX, 'global-sum', 'summed g * p over everything (no axis) instead of per row',
        lambda g, x: (x.softmax(-1) * (g - (g * x.softmax(-1)).sum()),))
mistake(SOFTMAX, 'p-forgotten', 'left out the outer factor p: g - sum(g * p)', lambda g, x: (g - (g * x.softmax(-1)).sum(-1, keepdim=True),))
mistake(SOFTMAX, 'inner-p-forgotten', 'subtracted sum(g) instead of sum(g * p)', lambda g, x: (x.softmax(-1) * (g - g.sum(-1, keepdim=True)),))
mistake(SOFTMAX, 'plus', 'added the sum term instead of subtracting it',
        lambda g, x: (x.softmax(-1) * (g + (g * x.softmax(-1)).sum(-1, keepdim=True)),))
mistake(SOFTMAX, 'mean-for-sum', 'took the mean of g * p over the classes instead of the sum',
        lambda g, x: (x.softmax(-1) * (g - (g * x.softmax(-1)).mean(-1, keepdim=True)),))

SOFTMAX2 = Op('softmax-square', 'office hours: softmax over the rows of a square matrix', 'x', [(7, 7)], lambda x: x.softmax(-1), softmax_right)
mistake(SOFTMAX2, 'keepdim-forgotten', 'forgot keepdim in the sum of g * p, so that it broadcasts along the wrong axis',
        lambda g, x: (x.softmax(-1) * (g - (g * x.softmax(-1)).sum(-1)),))
mistake(SOFTMAX2, 'softmax-axis-0', 'recomputed the softmax over axis 0 in the backward, the forward is over the last axis',
        lambda g, x: (x.softmax(0) * (g - (g * x.softmax(0)).sum(-1, keepdim=True)),))

LOGSM = Op('log-softmax', 'homework: log-softmax', 'x', [(7, 11)],
             lambda x: x.log_softmax(-1), lambda g, x: (g - x.softmax(-1) * g.sum(-1, keepdim=True),))
mistake(LOGSM, 'sum-forgotten', 'subtracted p instead of p * sum(g), right only if each row of g sums to 1', lambda g, x: (g - x.softmax(-1),))
mistake(LOGSM, 'elementwise', 'subtracted p * g elementwise, without summing g over the classes', lambda g, x: (g - x.softmax(-1) * g,))
mistake(LOGSM, 'exp-forgotten', 'used the cached log-probabilities instead of the probabilities (forgot exp)',
        lambda g, x: (g - x.log_softmax(-1) * g.sum(-1, keepdim=True),))
mistake(LOGSM, 'softmax-formula', 'used the backward of softmax instead of log-softmax', softmax_right)
mistake(LOGSM, 'wrong-axis', 'summed g over the batch axis instead of the classes', lambda g, x: (g - x.softmax(-1) * g.sum(0, keepdim=True),))
mistake(LOGSM, 'normalizer-forgotten', 'forgot the path through the normalizer: returned g', lambda g, x: (g.clone(),))

LSE = Op('logsumexp', 'forum: logsumexp over rows', 'x', [(7, 11)], lambda x: x.logsumexp(-1), lambda g, x: (g[:, None] * x.softmax(-1),))
mistake(LSE, 'exp-not-normalized', 'forgot to divide by the sum: g * exp(x)', lambda g, x: (g[:, None] * x.exp(),))
mistake(LSE, 'max-only', 'sent the whole gradient to the largest element, as for max', lambda g, x: (g[:, None] * onehot(x.argmax(-1), 11),))
mistake(LSE, 'one-over-sum', 'forgot the factor exp(x): g / sum(exp(x))', lambda g, x: ((g / x.exp().sum(-1))[:, None].expand(7, 11),))

LABELS = torch.tensor([3, 0, 10, 3, 7, 0, 5])


def ce_named(x, y):
    """Mean cross-entropy, with the log-probabilities named."""
    logp = x.log_softmax(-1)
    return -logp[torch.arange(len(y)), y].mean(), dict(logp=logp)


def ce_right(g, x, y):
    """Backward of the mean cross-entropy."""
    return g * (x.softmax(-1) - onehot(y, x.shape[1])) / len(y), None


def ce_all_columns(g, x, y):
    """p[:, y] -= 1 where p[range(n), y] -= 1 was meant."""
    p = x.softmax(-1)
    p[:, y] -= 1
    return g * p / len(y), None


CE = Op('cross-entropy', 'homework: cross-entropy with labels', 'x y', [(7, 11), LABELS], F.cross_entropy, ce_right)
CEN = Op('cross-entropy-named', 'homework: cross-entropy with labels, log-probabilities kept', 'x y', [(7, 11), LABELS], ce_named, ce_right)
mistake(CE, 'not-averaged', 'forgot to divide by the batch size (gradient of the sum, not of the mean)',
        lambda g, x, y: (g * (x.softmax(-1) - onehot(y, 11)), None))
mistake(CE, 'precedence', 'divided only the one-hot by the batch size: p - onehot / n',
        lambda g, x, y: (g * (x.softmax(-1) - onehot(y, 11) / len(y)), None))
mistake(CE, 'softmax-axis', 'took the softmax over the batch axis in the backward',
        lambda g, x, y: (g * (x.softmax(0) - onehot(y, 11)) / len(y), None))
mistake(CEN, 'label-only', 'gave a gradient (p - 1) only to the logit of the label, zero to all other classes',
        lambda g, x, y: (g * (x.softmax(-1) - 1) * onehot(y, 11) / len(y), None))
mistake(CEN, 'logp-for-p', 'used log-probabilities instead of probabilities (forgot exp)',
        lambda g, x, y: (g * (x.log_softmax(-1) - onehot(y, 11)) / len(y), None))
mistake(CE, 'index-all-rows', 'indexed p[:, y] -= 1, which subtracts 1 in every row, instead of p[arange(n), y] -= 1', ce_all_columns)
mistake(CE, 'onehot-forgotten', 'forgot to subtract the one-hot labels', lambda g, x, y: (g * x.softmax(-1) / len(y), None))
mistake(CE, 'softmax-jacobian-again', 'applied the Jacobian of softmax once more to p - onehot, which contains it already',
        lambda g, x, y: (softmax_right(g * (x.softmax(-1) - onehot(y, 11)) / len(y), x)[0], None))


def nll(logp, y):
    """Mean negative log-likelihood of the labels."""
    return -logp[torch.arange(len(y)), y].mean()


NLL = Op('nll', 'homework: negative log-likelihood of given log-probabilities', 'logp y', [(7, 11), LABELS], nll,
         lambda g, logp, y: (-g * onehot(y, 11) / len(y), None))
mistake(NLL, 'sign', 'forgot the minus sign', lambda g, logp, y: (g * onehot(y, 11) / len(y), None))
mistake(NLL, 'upstream-forgotten', 'ignored the upstream gradient of the loss', lambda g, logp, y: (-onehot(y, 11) / len(y), None))
mistake(NLL, 'divided-by-classes', 'divided by the number of classes instead of the batch size', lambda g, logp, y: (-g * onehot(y, 11) / 11, None))
mistake(NLL, 'label-off-by-one', 'shifted the labels by one (label - 1, as for labels that start at 1)',
        lambda g, logp, y: (-g * onehot((y - 1) % 11, 11) / len(y), None))
mistake(NLL, 'all-classes', 'gave the gradient -1/n to all classes instead of only to the label',
        lambda g, logp, y: (-g * torch.ones_like(logp) / len(y), None))

# ---- MSE, binary cross-entropy, hinge


def mse_right(g, p, t):
    """Backward of mean((p - t)**2)."""
    d = 2 * g * (p - t) / p.numel()
    return d, -d


def both(d):
    """A gradient for p and its negative for t."""
    return d, -d


MSE = Op('mse', 'homework: MSE loss', 'p t', [(7, 11), (7, 11)], F.mse_loss, mse_right)
mistake(MSE, 'two-forgotten', 'forgot the factor 2', lambda g, p, t: both(g * (p - t) / p.numel()))
mistake(MSE, 'mean-forgotten', 'forgot to divide by the number of elements', lambda g, p, t: both(2 * g * (p - t)))
mistake(MSE, 'batch-only', 'divided by the batch size instead of the number of elements', lambda g, p, t: both(2 * g * (p - t) / len(p)))
mistake(MSE, 'sign', 'swapped prediction and target: wrong sign on both gradients', lambda g, p, t: both(2 * g * (t - p) / p.numel()))
mistake(MSE, 'target-sign', 'gave the target the same gradient as the prediction, without the minus',
        lambda g, p, t: (2 * g * (p - t) / p.numel(),) * 2)
mistake(MSE, 'sign-only', 'used the sign of the difference, the gradient of the absolute error', lambda g, p, t: both(g * (p - t).sign() / p.numel()))
mistake(MSE, 'squared', 'kept the square: 2 * (p - t)**2', lambda g, p, t: both(2 * g * (p - t)**2 / p.numel()))
mistake(MSE, 'upstream-forgotten', 'ignored the upstream gradient of the loss', lambda g, p, t: both(2 * (p - t) / p.numel()))

TARGETS = (torch.rand(7, 11, generator=GEN) > .5).long()
BCE = Op('bce-logits', 'homework: binary cross-entropy on logits', 'x y', [(7, 11), TARGETS],
             lambda x, y: F.binary_cross_entropy_with_logits(x, y.double()),
         lambda g, x, y: (g * (x.sigmoid() - y) / x.numel(), None))
mistake(BCE, 'extra-sigmoid-derivative', 'multiplied s - y by s * (1 - s) once more, which has cancelled already',
        lambda g, x, y: (g * (x.sigmoid() - y) * x.sigmoid() * (1 - x.sigmoid()) / x.numel(), None))
mistake(BCE, 'logits-minus-y', 'used x - y, forgot the sigmoid', lambda g, x, y: (g * (x - y) / x.numel(), None))
mistake(BCE, 'positive-term-only', 'forgot the (1 - y) log(1 - s) term: gradient only where y = 1',
        lambda g, x, y: (g * (x.sigmoid() - 1) * y / x.numel(), None))

SIGNS = (torch.rand(97, generator=GEN) > .5).long() * 2 - 1
HINGE = Op('hinge', 'homework: SVM hinge loss, labels -1 and 1', 'x w y', [(97, 5), (5,), SIGNS], lambda x, w, y: (1 - y * (x @ w)).relu().mean(),
           lambda g, x, w, y: (torch.outer(hinge_d(g, x, w, y), w), x.T @ hinge_d(g, x, w, y), None))


def hinge_d(g, x, w, y, margin=1., use_mask=True, sign=-1):
    """Gradient of the scores under the hinge loss, with parts to be spoiled."""
    mask = (y * (x @ w) < margin) if use_mask else torch.ones_like(y)
    return sign * g * y * mask / len(y)


def hinge_wrong(**kw):
    """Backward of the hinge loss with one part of `hinge_d` spoiled."""
    return lambda g, x, w, y: (torch.outer(hinge_d(g, x, w, y, **kw), w), x.T @ hinge_d(g, x, w, y, **kw), None)


mistake(HINGE, 'margin-forgotten', 'masked by y * score < 0 instead of y * score < 1 (forgot the margin)', hinge_wrong(margin=0.))
mistake(HINGE, 'mask-forgotten', 'forgot that examples outside the margin have no gradient', hinge_wrong(use_mask=False))
mistake(HINGE, 'sign', 'forgot the minus sign of 1 - y * score', hinge_wrong(sign=1))

# ---- BatchNorm

EPS = 1e-3


def batchnorm(x, gamma, beta):
    """BatchNorm with the batch statistics, intermediates named."""
    mu = x.mean(0)
    var = ((x - mu)**2).mean(0)
    xhat = (x - mu) / (var + EPS).sqrt()
    return gamma * xhat + beta, dict(mu=mu, var=var, xhat=xhat)


def norm_parts(x, axis, unbiased=False, eps=EPS):
    """Normalized input and 1 / std over one axis."""
    istd = (x.var(axis, correction=int(unbiased), keepdim=True) + eps)**-.5
    return (x - x.mean(axis, keepdim=True)) * istd, istd


def bn_back(g, x, gamma, beta, mean=1, var=1, scale=True, dscale=True, unbiased=False, eps=EPS, n=None, axis=0):
    """Backward of BatchNorm, with parts to be spoiled."""
    xhat, istd = norm_parts(x, 0, unbiased, eps)
    d = g * gamma if scale else g
    n = n or x.shape[axis]
    dx = d - mean * d.sum(axis, keepdim=True) / n - var * xhat * (d * xhat).sum(axis, keepdim=True) / n
    return dx * istd if dscale else dx, (g * norm_parts(x, 0)[0]).sum(0), g.sum(0)


def bn_with(**kw):
    """Backward of BatchNorm with one part spoiled."""
    return lambda *a: bn_back(*a, **kw)


def bn_change(i, new):
    """The right backward of BatchNorm with gradient number `i` replaced by new(g, x, gamma, xhat)."""
    def wrong(g, x, gamma, beta):
        """A backward pass with one gradient wrong."""
        grads = list(bn_back(g, x, gamma, beta))
        grads[i] = new(g, x, gamma, norm_parts(x, 0)[0])
        return tuple(grads)
    return wrong


BN = Op('batchnorm', 'homework: BatchNorm in training mode', 'x gamma beta', [(13, 7), (7,), (7,)], batchnorm, bn_back)
mistake(BN, 'constants', 'treated mean and variance as constants: only gamma / std', bn_with(mean=0, var=0))
mistake(BN, 'mean-path-forgotten', 'forgot the path through the batch mean', bn_with(mean=0))
mistake(BN, 'var-path-forgotten', 'forgot the path through the batch variance', bn_with(var=0))
mistake(BN, 'gamma-forgotten-in-dx', 'did not multiply by gamma in the input gradient', bn_with(scale=False))
mistake(BN, 'wrong-axis', 'took the two means of the input gradient over the features instead of the batch', bn_with(axis=1))
mistake(BN, 'dgamma-from-x', 'used the raw x instead of the normalized input in the gradient of gamma',
        bn_change(1, lambda g, x, gamma, xhat: (g * x).sum(0)))
mistake(BN, 'dgamma-not-summed', 'did not sum the gradient of gamma over the batch', bn_change(1, lambda g, x, gamma, xhat: g * xhat))
mistake(BN, 'dgamma-with-gamma', 'multiplied the gradient of gamma by gamma (used dxhat instead of the upstream gradient)',
        bn_change(1, lambda g, x, gamma, xhat: (g * gamma * xhat).sum(0)))


def standardize(x):
    """Columns with mean 0 and variance 1, intermediates named."""
    c = x - x.mean(0)
    std = ((c**2).mean(0) + EPS).sqrt()
    return c / std, dict(c=c, std=std)


def std_with(**kw):
    """Backward of the standardization with one part spoiled."""
    return lambda g, x: bn_back(g, x, torch.ones_like(x[0]), None, **kw)[:1]


def std_var_power(g, x):
    """Step by step, with (var + eps)**-0.5 where the derivative of 1 / sqrt needs **-1.5."""
    istd, c = norm_parts(x, 0)[1], x - x.mean(0)
    dvar = (g * c).sum(0) * -.5 * istd
    return (g * istd + dvar * 2 * c / len(x) - (g * istd).mean(0),)


STD = Op('standardize', 'office hours: standardizing the columns of a batch', 'x', [(13, 7)], standardize, std_with())
mistake(STD, 'var-sign', 'added the variance term instead of subtracting it', std_with(var=-1))
mistake(STD, 'std-forgotten', 'forgot to divide by the standard deviation', std_with(dscale=False))
mistake(STD, 'unbiased', 'used the unbiased variance (n - 1) in the backward, the forward divides by n', std_with(unbiased=True))
mistake(STD, 'eps-forgotten', 'forgot eps under the root in the backward', std_with(eps=0.))
mistake(STD, 'n-not-divided', 'forgot to divide the two sums by the batch size', std_with(n=1))
mistake(STD, 'var-power', 'used the power -0.5 instead of -1.5 of the variance in the gradient of the variance', std_var_power)

# ---- LayerNorm, RMSNorm, L2 normalization


def ln_back(g, x, gamma, beta, mean=1, var=1, axis=-1, n=None, late_gamma=False, outer_xhat=True, dgamma=lambda g, x, xhat: (g * xhat).sum(0)):
    """Backward of LayerNorm, with parts to be spoiled."""
    xhat, istd = norm_parts(x, -1, eps=1e-5)
    d = g if late_gamma else g * gamma
    n = n or x.shape[axis]
    proj = (d * xhat).sum(axis, keepdim=True) / n * (xhat if outer_xhat else 1)
    dx = istd * (d - mean * d.sum(axis, keepdim=True) / n - var * proj)
    return dx * gamma if late_gamma else dx, dgamma(g, x, xhat), g.sum(0)


def ln_with(**kw):
    """Backward of LayerNorm with one part spoiled."""
    return lambda *a: ln_back(*a, **kw)


LN = Op('layernorm', 'homework: LayerNorm', 'x gamma beta', [(7, 11), (11,), (11,)],
             lambda x, gamma, beta: F.layer_norm(x, (11,), gamma, beta, 1e-5), ln_back)
mistake(LN, 'batch-axis', 'took the two means over the batch axis, as in BatchNorm, instead of over the features', ln_with(axis=0))
mistake(LN, 'gamma-last', 'multiplied by gamma after the two means instead of before them', ln_with(late_gamma=True))
mistake(LN, 'mean-path-forgotten', 'forgot the path through the mean', ln_with(mean=0))
mistake(LN, 'var-path-forgotten', 'forgot the path through the variance', ln_with(var=0))
mistake(LN, 'batch-size-for-width', 'divided the sums by the batch size instead of the number of features', ln_with(n=7))
mistake(LN, 'xhat-forgotten', 'forgot the outer factor xhat in the variance term', ln_with(outer_xhat=False))
mistake(LN, 'dgamma-wrong-axis', 'summed the gradient of gamma over the features instead of the batch',
        ln_with(dgamma=lambda g, x, xhat: (g * xhat).sum(-1)))
mistake(LN, 'dgamma-from-x', 'used x, only centred, not divided by the standard deviation, in the gradient of gamma',
        ln_with(dgamma=lambda g, x, xhat: (g * (x - x.mean(-1, keepdim=True))).sum(0)))


def rmsnorm(x, gamma):
    """RMSNorm, with the root mean square named."""
    rms = (x**2).mean(-1, keepdim=True).sqrt()
    return x / rms * gamma, dict(rms=rms)


def rms_back(g, x, gamma, sign=1, power=3, width=None, inner_gamma=True, center=0, dgamma=lambda g, x, rms: (g * x / rms).sum(0)):
    """Backward of RMSNorm, with parts to be spoiled."""
    rms, d = (x**2).mean(-1, keepdim=True).sqrt(), g * gamma
    proj = ((d if inner_gamma else g) * x).sum(-1, keepdim=True) / (width or x.shape[-1])
    return d / rms - sign * x * proj / rms**power - center * d.mean(-1, keepdim=True) / rms, dgamma(g, x, rms)


def rms_with(**kw):
    """Backward of RMSNorm with one part spoiled."""
    return lambda *a: rms_back(*a, **kw)


RMS = Op('rmsnorm', 'forum: RMSNorm', 'x gamma', [(7, 11), (11,)], rmsnorm, rms_back)
mistake(RMS, 'rms-constant', 'treated the root mean square as a constant', rms_with(sign=0))
mistake(RMS, 'power', 'divided the second term by rms instead of rms**3', rms_with(power=1))
mistake(RMS, 'width-forgotten', 'forgot to divide the second term by the number of features', rms_with(width=1))
mistake(RMS, 'gamma-forgotten-in-sum', 'left gamma out of the sum in the second term', rms_with(inner_gamma=False))
mistake(RMS, 'layernorm-formula', 'also subtracted the mean of the gradient, as in LayerNorm', rms_with(center=1))
mistake(RMS, 'sign', 'added the second term instead of subtracting it', rms_with(sign=-1))
mistake(RMS, 'dgamma-from-x', 'used the unnormalized x in the gradient of gamma', rms_with(dgamma=lambda g, x, rms: (g * x).sum(0)))


def l2norm(x):
    """Rows divided by their length, with the length named."""
    n = x.norm(dim=-1, keepdim=True)
    return x / n, dict(n=n)


def l2_back(g, x, sign=1, power=3, axis=-1, summed=True):
    """Backward of the normalization of rows, with parts to be spoiled."""
    n = x.norm(dim=-1, keepdim=True)
    dot = (g * x).sum(axis, keepdim=True) if summed else g * x
    return (g / n - sign * x * dot / n**power,)


L2 = Op('l2norm', 'office hours: rows of unit length', 'x', [(7, 11)], l2norm, l2_back)
mistake(L2, 'norm-constant', 'treated the norm as a constant: g / n', lambda g, x: l2_back(g, x, sign=0))
mistake(L2, 'power-2', 'divided the second term by n**2 instead of n**3', lambda g, x: l2_back(g, x, power=2))
mistake(L2, 'sign', 'added the projection instead of subtracting it', lambda g, x: l2_back(g, x, sign=-1))
mistake(L2, 'wrong-axis', 'summed g * x over the batch axis instead of within the row', lambda g, x: l2_back(g, x, axis=0))
mistake(L2, 'sum-forgotten', 'forgot the sum in the projection: elementwise x * g * x', lambda g, x: l2_back(g, x, summed=False))
mistake(L2, 'scale-forgotten', 'forgot to divide by the norm: g - y * sum(g * y)', lambda g, x: (x.norm(dim=-1, keepdim=True) * l2_back(g, x)[0],))
mistake(L2, 'global-norm', 'used the norm of the whole matrix instead of that of each row',
        lambda g, x: (g / x.norm() - x * (g * x).sum() / x.norm()**3,))

# ---- residual connection


def residual(x, w):
    """x + relu(x @ w), intermediates named."""
    z = x @ w
    h = z.relu()
    return x + h, dict(z=z, h=h)


def res_parts(g, x, w):
    """Gradient of z and the gradient that comes back through the branch."""
    dz = g * (x @ w > 0)
    return dz, dz @ w.T


def res_inplace(g, x, w):
    """dz = g; dz[z <= 0] = 0: the upstream gradient is masked as well."""
    g = g.clone()
    dz = g
    dz[x @ w <= 0] = 0
    return g + dz @ w.T, x.T @ dz


RES = Op('residual', 'homework: a residual block', 'x w', [(7, 5), (5, 5)], residual,
             lambda g, x, w: (g + res_parts(g, x, w)[1], x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'skip-forgotten', 'forgot the skip connection in the input gradient',
        lambda g, x, w: (res_parts(g, x, w)[1], x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'branch-forgotten', 'forgot the branch: only the skip gradient for x', lambda g, x, w: (g.clone(), x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'skip-twice', 'added the skip gradient twice', lambda g, x, w: (2 * g + res_parts(g, x, w)[1], x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'skip-ones', 'added 1 for the skip instead of the upstream gradient',
        lambda g, x, w: (1 + res_parts(g, x, w)[1], x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'paths-multiplied', 'multiplied the gradients of the two paths instead of adding them',
        lambda g, x, w: (g * res_parts(g, x, w)[1], x.T @ res_parts(g, x, w)[0]))
mistake(RES, 'inplace-mask', 'masked the upstream gradient in place for the branch, so that the skip gradient is masked by the ReLU too', res_inplace)
mistake(RES, 'dw-mask-forgotten', 'used the unmasked upstream gradient for w', lambda g, x, w: (g + res_parts(g, x, w)[1], x.T @ g))

# ---- product, division, power

PRODUCT = Op('product', 'homework: elementwise product', 'a b', [(7, 11), (7, 11)], lambda a, b: a * b, lambda g, a, b: (g * b, g * a))
mistake(PRODUCT, 'swapped', 'swapped the factors: g * a for a and g * b for b', lambda g, a, b: (g * a, g * b))
mistake(PRODUCT, 'upstream-forgotten', 'returned the local derivatives, without the upstream gradient', lambda g, a, b: (b.clone(), a.clone()))
mistake(PRODUCT, 'whole-product', 'multiplied the upstream gradient by the output a * b for both', lambda g, a, b: (g * a * b, g * a * b))
mistake(PRODUCT, 'copy-paste', 'copied the line of a for b: returned g * b for both', lambda g, a, b: (g * b, g * b))
mistake(PRODUCT, 'sum-rule', 'used the rule for a sum: passed g to both factors', lambda g, a, b: (g.clone(), g.clone()))

DIV = Op('division', 'homework: elementwise division', 'a b', [(7, 11), positive(7, 11)], lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b**2))
mistake(DIV, 'sign', 'forgot the minus sign in the gradient of the denominator', lambda g, a, b: (g / b, g * a / b**2))
mistake(DIV, 'square-forgotten', 'divided by b instead of b**2 in the gradient of the denominator', lambda g, a, b: (g / b, -g * a / b))
mistake(DIV, 'numerator-forgotten', 'left the numerator a out of the gradient of the denominator', lambda g, a, b: (g / b, -g / b**2))
mistake(DIV, 'da-times-b', 'multiplied by b instead of dividing by it in the gradient of the numerator', lambda g, a, b: (g * b, -g * a / b**2))
mistake(DIV, 'db-upstream-forgotten', 'forgot the upstream gradient in the gradient of the denominator', lambda g, a, b: (g / b, -a / b**2))
mistake(DIV, 'product-rule', 'used the product rule: gave the denominator g * a', lambda g, a, b: (g / b, g * a))

POWER = Op('cube', 'homework: x to the third power', 'x', [(7, 11)], lambda x: x**3, lambda g, x: (3 * g * x**2,))
mistake(POWER, 'exponent-not-lowered', 'kept the exponent: 3 * x**3', lambda g, x: (3 * g * x**3,))
mistake(POWER, 'factor-forgotten', 'forgot the factor 3', lambda g, x: (g * x**2,))
mistake(POWER, 'exponent-lowered-twice', 'lowered the exponent by 2: 3 * x', lambda g, x: (3 * g * x,))

# ---- mean, variance, max, max-pooling, cumsum

MEAN = Op('mean', 'homework: mean over the last axis', 'x', [(7, 11)], lambda x: x.mean(-1), lambda g, x: (g[:, None].expand_as(x) / 11,))
mistake(MEAN, 'n-forgotten', 'forgot to divide by the number of averaged elements', lambda g, x: (g[:, None].expand_as(x).clone(),))
mistake(MEAN, 'wrong-n', 'divided by the batch size instead of the size of the averaged axis', lambda g, x: (g[:, None].expand_as(x) / 7,))
mistake(MEAN, 'numel', 'divided by the number of all elements instead of the size of the averaged axis', lambda g, x: (g[:, None].expand_as(x) / 77,))
mistake(MEAN, 'not-expanded', 'did not expand the gradient back to the shape of x', lambda g, x: (g / 11,))
mistake(MEAN, 'off-by-one', 'divided by n - 1 instead of n', lambda g, x: (g[:, None].expand_as(x) / 10,))
mistake(MEAN, 'times-x', 'multiplied by x: g * x / n', lambda g, x: (g[:, None] * x / 11,))
MEAN2 = Op('mean-square', 'office hours: mean over the last axis of a square matrix', 'x', [(7, 7)],
             lambda x: x.mean(-1), lambda g, x: (g[:, None].expand_as(x) / 7,))
mistake(MEAN2, 'expanded-along-rows', 'broadcast the gradient along the wrong axis (forgot g[:, None])', lambda g, x: (g.expand_as(x) / 7,))

VAR = Op('variance', 'homework: variance over the last axis', 'x', [(7, 11)], lambda x: x.var(-1, correction=0),
         lambda g, x: (2 * g[:, None] * (x - x.mean(-1, keepdim=True)) / 11,))
mistake(VAR, 'not-centred', 'forgot to subtract the mean: 2 * g * x / n', lambda g, x: (2 * g[:, None] * x / 11,))
mistake(VAR, 'n-minus-1', 'divided by n - 1, the forward divides by n', lambda g, x: (2 * g[:, None] * (x - x.mean(-1, keepdim=True)) / 10,))
mistake(VAR, 'two-forgotten', 'forgot the factor 2', lambda g, x: (g[:, None] * (x - x.mean(-1, keepdim=True)) / 11,))
mistake(VAR, 'mean-wrong-axis', 'subtracted the mean over the batch instead of over the row', lambda g, x: (2 * g[:, None] * (x - x.mean(0)) / 11,))


def max_columns(g, x):
    """dx[:, idx] = g[:, None] where dx[arange, idx] = g was meant."""
    dx = torch.zeros_like(x)
    dx[:, x.argmax(-1)] = g[:, None]
    return (dx,)


MAX = Op('max', 'homework: max over the last axis', 'x', [(7, 11)], lambda x: x.max(-1).values, lambda g, x: (g[:, None] * onehot(x.argmax(-1), 11),))
mistake(MAX, 'to-all', 'sent the gradient to all elements of the row instead of only the largest', lambda g, x: (g[:, None].expand_as(x).clone(),))
mistake(MAX, 'value-instead', 'put the maximum itself times the upstream gradient at its place',
        lambda g, x: (g[:, None] * x * onehot(x.argmax(-1), 11),))
mistake(MAX, 'global-argmax', 'took the argmax over the whole matrix: only one row gets a gradient', lambda g, x: (g[:, None] * (x == x.max()),))
mistake(MAX, 'wrong-axis', 'took the argmax over the batch axis', lambda g, x: (g[:, None] * (x == x.max(0).values),))
mistake(MAX, 'upstream-forgotten', 'put 1 at the maximum instead of the upstream gradient', lambda g, x: (onehot(x.argmax(-1), 11),))
mistake(MAX, 'index-all-rows', 'indexed dx[:, idx] = g[:, None], which fills those columns in every row', max_columns)
mistake(MAX, 'argmin', 'sent the gradient to the smallest element (argmin)', lambda g, x: (g[:, None] * onehot(x.argmin(-1), 11),))

POOL = Op('maxpool', 'homework: max-pooling of pairs', 'x', [(5, 14)], lambda x: x.view(5, 7, 2).amax(-1),
          lambda g, x: ((g[..., None] * onehot(x.view(5, 7, 2).argmax(-1), 2)).view(5, 14),))
mistake(POOL, 'average', 'spread the gradient evenly over the window, as for average pooling', lambda g, x: (g.repeat_interleave(2, 1) / 2,))
mistake(POOL, 'to-all', 'copied the gradient to both elements of the window', lambda g, x: (g.repeat_interleave(2, 1),))
mistake(POOL, 'first', 'sent the gradient to the first element of each window instead of the largest',
        lambda g, x: (torch.stack([g, torch.zeros_like(g)], -1).view(5, 14),))

CUMSUM = Op('cumsum', 'forum: cumulative sum over the last axis', 'x', [(7, 11)],
             lambda x: x.cumsum(-1), lambda g, x: (g.flip(-1).cumsum(-1).flip(-1),))
mistake(CUMSUM, 'forward-again', 'took the cumulative sum of the gradient from the left instead of from the right', lambda g, x: (g.cumsum(-1),))
mistake(CUMSUM, 'identity', 'passed the upstream gradient through unchanged', lambda g, x: (g.clone(),))
mistake(CUMSUM, 'exclusive', 'off by one: left the own position out of the reversed cumulative sum',
        lambda g, x: (g.flip(-1).cumsum(-1).flip(-1) - g,))
mistake(CUMSUM, 'not-flipped-back', 'did not flip the result back', lambda g, x: (g.flip(-1).cumsum(-1),))
mistake(CUMSUM, 'wrong-axis', 'accumulated over the batch axis', lambda g, x: (g.flip(0).cumsum(0).flip(0),))
mistake(CUMSUM, 'total', 'gave every position the sum of all gradients of the row', lambda g, x: (g.sum(-1, keepdim=True).expand_as(x).clone(),))

# ---- dropout, embedding

P = .3
MASK = (torch.rand(7, 11, generator=GEN) > P).long()
OTHER = (torch.rand(7, 11, generator=GEN) > P).long()
DROP = Op('dropout', 'homework: inverted dropout with a given mask', 'x m', [(7, 11), MASK],
             lambda x, m: x * m / (1 - P), lambda g, x, m: (g * m / (1 - P), None))
mistake(DROP, 'mask-forgotten', 'forgot the mask: only scaled the gradient', lambda g, x, m: (g / (1 - P), None))
mistake(DROP, 'scale-forgotten', 'forgot the factor 1 / (1 - p)', lambda g, x, m: (g * m, None))
mistake(DROP, 'mask-inverted', 'used the inverted mask', lambda g, x, m: (g * (1 - m) / (1 - P), None))
mistake(DROP, 'scale-by-p', 'divided by p instead of 1 - p', lambda g, x, m: (g * m / P, None))
mistake(DROP, 'scale-multiplied', 'multiplied by 1 - p instead of dividing by it', lambda g, x, m: (g * m * (1 - P), None))
mistake(DROP, 'fresh-mask', 'drew a new mask in the backward instead of using the one of the forward', lambda g, x, m: (g * OTHER / (1 - P), None))
mistake(DROP, 'divided-by-mask', 'divided by the mask instead of multiplying: infinite where the mask is 0', lambda g, x, m: (g / m / (1 - P), None))

TOKENS = torch.tensor([3, 1, 16, 3, 8, 1, 3, 12, 0, 5, 8, 10, 0])


def emb_add(g, w, ids):
    """Zeros with the rows of g added at ids."""
    return torch.zeros_like(w).index_add_(0, ids, g)


def emb_overwrite(g, w, ids):
    """dw[i] = g instead of dw[i] += g."""
    dw = torch.zeros_like(w)
    for k, i in enumerate(ids): dw[i] = g[k]
    return dw, None


def emb_padding(g, w, ids):
    """Row 0 set to zero."""
    dw = emb_add(g, w, ids)
    dw[0] = 0
    return dw, None


EMB = Op('embedding', 'homework: embedding lookup', 'w ids', [(17, 5), TOKENS], lambda w, ids: w[ids], lambda g, w, ids: (emb_add(g, w, ids), None))
mistake(EMB, 'overwritten', 'assigned instead of adding: of a repeated token only the last gradient counts', emb_overwrite)
mistake(EMB, 'averaged', 'averaged the gradients of a repeated token instead of adding them',
        lambda g, w, ids: (emb_add(g, w, ids) / ids.bincount(minlength=17).clamp(min=1)[:, None], None))
mistake(EMB, 'counts', 'added 1 per occurrence instead of the upstream gradient', lambda g, w, ids: (emb_add(torch.ones_like(g), w, ids), None))
mistake(EMB, 'off-by-one', 'wrote each gradient one row too far (id + 1)', lambda g, w, ids: (emb_add(g, w, (ids + 1) % 17), None))
mistake(EMB, 'position-for-id', 'added the gradients at the position in the sequence instead of at the token id',
        lambda g, w, ids: (emb_add(g, w, torch.arange(13)), None))
mistake(EMB, 'padding', 'zeroed the gradient of row 0 as if it were a padding token; the forward has none', emb_padding)
mistake(EMB, 'not-scattered', 'returned the gradient of the looked-up rows instead of that of the table', lambda g, w, ids: (g.clone(), None))

# ---- attention

RD = math.sqrt(5)
SCORES = Op('scores', 'homework: attention scores', 'q k', [(7, 5), (11, 5)], lambda q, k: q @ k.T / RD, lambda g, q, k: (g @ k / RD, g.T @ q / RD))
mistake(SCORES, 'scale-forgotten', 'forgot the factor 1 / sqrt(d) in both gradients', lambda g, q, k: (g @ k, g.T @ q))
mistake(SCORES, 'scale-without-root', 'divided by d instead of sqrt(d)', lambda g, q, k: (g @ k / 5, g.T @ q / 5))
mistake(SCORES, 'dk-unscaled', 'scaled the gradient of q but not that of k', lambda g, q, k: (g @ k / RD, g.T @ q))
mistake(SCORES, 'scale-multiplied', 'multiplied by sqrt(d) instead of dividing', lambda g, q, k: (g @ k * RD, g.T @ q * RD))
mistake(SCORES, 'dk-transposed', 'returned the gradient of k.T for k (forgot to transpose back)', lambda g, q, k: (g @ k / RD, q.T @ g / RD))
mistake(SCORES, 'scale-of-keys', 'scaled by the square root of the number of keys instead of that of d',
        lambda g, q, k: (g @ k / math.sqrt(11), g.T @ q / math.sqrt(11)))
SCORES2 = Op('scores-square', 'homework: self-attention scores, as many keys as queries', 'q k', [(7, 5), (7, 5)], SCORES.forward, SCORES.right)
mistake(SCORES2, 'dk-g-not-transposed', 'did not transpose the upstream gradient for k: g @ q', lambda g, q, k: (g @ k / RD, g @ q / RD))
mistake(SCORES2, 'q-k-swapped', 'swapped q and k: g @ q for q and g.T @ k for k', lambda g, q, k: (g @ q / RD, g.T @ k / RD))

CAUSAL = torch.ones(7, 7).triu(1).bool()


def attention(q, k, v):
    """Causal attention with scores and probabilities named."""
    s = q @ k.T / RD
    p = s.masked_fill(CAUSAL, -torch.inf).softmax(-1)
    return p @ v, dict(s=s, p=p)


def att_back(g, q, k, v, masked=True, dp_softmax=softmax_right, dk_from_q=True, dv=lambda g, p, s: p.T @ g):
    """Backward of causal attention, with parts to be spoiled."""
    s = q @ k.T / RD
    p = s.masked_fill(CAUSAL, -torch.inf).softmax(-1)
    ds = dp_softmax(g @ v.T, s.masked_fill(CAUSAL, -torch.inf) if masked else s)[0]
    return ds @ k / RD, ds.T @ (q if dk_from_q else k) / RD, dv(g, p, s)


def att_with(**kw):
    """Backward of causal attention with one part spoiled."""
    return lambda *a: att_back(*a, **kw)


ATT = Op('attention', 'homework: causal self-attention, one head', 'q k v', [(7, 5), (7, 5), (7, 11)], attention, att_back)
mistake(ATT, 'softmax-skipped', 'skipped the backward of the softmax: used the gradient of the probabilities (masked) as that of the scores',
        att_with(dp_softmax=lambda d, s: (d.masked_fill(CAUSAL, 0),)))
mistake(ATT, 'mask-forgotten', 'recomputed the softmax without the causal mask in the backward', att_with(masked=False))
mistake(ATT, 'dv-p-not-transposed', 'did not transpose the probabilities in the gradient of v', att_with(dv=lambda g, p, s: p @ g))
mistake(ATT, 'dv-from-scores', 'used the scores before the softmax instead of the probabilities in the gradient of v',
        att_with(dv=lambda g, p, s: s.T @ g))
mistake(ATT, 'softmax-diagonal', 'used only the diagonal of the Jacobian of the softmax, p * (1 - p)',
        att_with(dp_softmax=lambda d, s: (d * s.softmax(-1) * (1 - s.softmax(-1)),)))
mistake(ATT, 'dk-from-k', 'used k instead of q in the gradient of k (copy and paste)', att_with(dk_from_q=False))

# ---- convolution


def conv_right(g, x, w, b):
    """Backward of conv1d without padding."""
    return F.conv_transpose1d(g, w), torch.einsum('bot,bctk->ock', g, x.unfold(2, 5, 1)), g.sum((0, 2))


def conv_change(i, new):
    """The right backward of conv1d, with gradient number `i` replaced by new(g, x, w)."""
    def wrong(g, x, w, b):
        """A backward pass with one gradient wrong."""
        grads = list(conv_right(g, x, w, b))
        grads[i] = new(g, x, w)
        return tuple(grads)
    return wrong


def conv_overwrite(g, x, w):
    """dx[..., t:t+k] = ... instead of +=."""
    dx = torch.zeros_like(x)
    for t in range(g.shape[2]): dx[:, :, t:t + 5] = torch.einsum('bo,ock->bck', g[:, :, t], w)
    return dx


CONV = Op('conv1d', 'homework: conv1d with loops or einsum', 'x w b', [(5, 7, 17), (11, 7, 5), (11,)], F.conv1d, conv_right)
mistake(CONV, 'kernel-flip', 'had the kernel the wrong way round (reversed) in the input gradient',
        conv_change(0, lambda g, x, w: F.conv_transpose1d(g, w.flip(2))))
mistake(CONV, 'bias-batch-only', 'summed the bias gradient over the batch only, not over the positions', conv_change(2, lambda g, x, w: g.sum(0)))
mistake(CONV, 'bias-mean-positions', 'averaged the bias gradient over the positions instead of summing',
        conv_change(2, lambda g, x, w: g.mean(2).sum(0)))
mistake(CONV, 'dw-last-sample', 'overwrote the weight gradient in the loop over the batch: only the last sample counts',
        conv_change(1, lambda g, x, w: torch.einsum('ot,ctk->ock', g[-1], x[-1].unfold(1, 5, 1))))
mistake(CONV, 'dx-overwritten', 'assigned instead of adding where windows overlap in the input gradient', conv_change(0, conv_overwrite))
mistake(CONV, 'dw-shifted', 'off by one: took the windows of x one position too far to the right in the weight gradient',
        conv_change(1, lambda g, x, w: torch.einsum('bot,bctk->ock', g, F.pad(x, (0, 1))[:, :, 1:].unfold(2, 5, 1))))
mistake(CONV, 'last-position-missed', 'off by one: the loop over the positions stops one too early in the weight gradient',
        conv_change(1, lambda g, x, w: torch.einsum('bot,bctk->ock', g[:, :, :-1], x.unfold(2, 5, 1)[:, :, :-1])))


def conv2(x, w):
    """One-channel conv2d."""
    return F.conv2d(x[None, None], w[None, None])[0, 0]


def conv2_dx(g, w):
    """Input gradient of the one-channel conv2d."""
    return F.conv_transpose2d(g[None, None], w[None, None])[0, 0]


CONV2 = Op('conv2d', 'homework: conv2d, one channel', 'x w', [(11, 13), (5, 5)], conv2, lambda g, x, w: (conv2_dx(g, w), conv2(x, g)))
mistake(CONV2, 'flipped-one-axis', 'flipped the kernel along one axis only in the input gradient',
        lambda g, x, w: (conv2_dx(g, w.flip(1)), conv2(x, g)))
mistake(CONV2, 'kernel-transposed', 'transposed the kernel in the input gradient', lambda g, x, w: (conv2_dx(g, w.T), conv2(x, g)))
mistake(CONV2, 'dw-flipped', 'flipped the weight gradient along both axes', lambda g, x, w: (conv2_dx(g, w), conv2(x, g).flip(0, 1)))
mistake(CONV2, 'dw-upstream-forgotten', 'summed the windows of x without the upstream gradient',
        lambda g, x, w: (conv2_dx(g, w), conv2(x, torch.ones_like(g))))


def strided_back(g, x, w, sx=2, sw=2, crop=(2, 2)):
    """Backward of a strided, padded convolution of one signal, window by window."""
    xp = F.pad(x, (2, 2))
    dxp, dw = torch.zeros_like(xp), torch.zeros_like(w)
    for t in range(len(g)):
        dxp[sx * t:sx * t + 5] += g[t] * w
        dw += g[t] * xp[sw * t:sw * t + 5]
    return dxp[crop[0]:len(dxp) - crop[1]], dw


STRIDED = Op('conv-strided', 'office hours: convolution with stride 2 and padding 2', 'x w', [(17,), (5,)],
             lambda x, w: F.conv1d(x[None], w[None, None], stride=2, padding=2)[0], strided_back)
mistake(STRIDED, 'dx-stride-forgotten', 'forgot the stride in the input gradient: windows at t instead of 2 * t', lambda *a: strided_back(*a, sx=1))
mistake(STRIDED, 'dw-stride-forgotten', 'forgot the stride in the weight gradient: windows at t instead of 2 * t', lambda *a: strided_back(*a, sw=1))
mistake(STRIDED, 'padding-not-cropped', 'did not remove the padding from the input gradient', lambda *a: strided_back(*a, crop=(0, 0)))
mistake(STRIDED, 'padding-cropped-one-side', 'removed all the padding at the end instead of half at either side',
        lambda *a: strided_back(*a, crop=(0, 4)))
mistake(STRIDED, 'padding-off-by-one', 'off by one in removing the padding: the input gradient is shifted by one position',
        lambda *a: strided_back(*a, crop=(1, 3)))

# ---- an input used twice

TWICE = Op('gate', 'forum: x gates its own projection, x * (x @ w)', 'x w', [(7, 5), (5, 5)], lambda x, w: x * (x @ w),
           lambda g, x, w: (g * (x @ w) + (g * x) @ w.T, x.T @ (g * x)))
mistake(TWICE, 'first-use-only', 'forgot the use of x inside the product with w', lambda g, x, w: (g * (x @ w), x.T @ (g * x)))
mistake(TWICE, 'second-use-only', 'overwrote the gradient of x: only the path through x @ w is left', lambda g, x, w: ((g * x) @ w.T, x.T @ (g * x)))
mistake(TWICE, 'inner-x-forgotten', 'used g instead of g * x as the gradient of x @ w', lambda g, x, w: (g * (x @ w) + g @ w.T, x.T @ g))

GRAM = Op('gram', 'office hours: the Gram matrix x @ x.T', 'x', [(7, 5)], lambda x: x @ x.T, lambda g, x: (g @ x + g.T @ x,))
mistake(GRAM, 'one-use', 'counted only one of the two uses of x: g @ x', lambda g, x: (g @ x,))
mistake(GRAM, 'symmetric', 'wrote 2 * g @ x, right only for a symmetric upstream gradient', lambda g, x: (2 * g @ x,))
mistake(GRAM, 'subtracted', 'subtracted the second path instead of adding it', lambda g, x: (g @ x - g.T @ x,))


def rnn(x, w):
    """Two steps with the same weight, intermediates named."""
    h1 = (x @ w).tanh()
    h2 = (h1 @ w).tanh()
    return h2, dict(h1=h1, h2=h2)


def rnn_back(g, x, w, keep=(1, 1), inner=lambda dh, h: dh * (1 - h**2), h_for_dw2=lambda x, h1, h2: h1):
    """Backward through the two steps, with parts to be spoiled."""
    h1, h2 = (x @ w).tanh(), ((x @ w).tanh() @ w).tanh()
    d2 = g * (1 - h2**2)
    d1 = inner(d2 @ w.T, h1)
    return d1 @ w.T, keep[0] * x.T @ d1 + keep[1] * h_for_dw2(x, h1, h2).T @ d2


RNN = Op('rnn', 'homework: two steps of a recurrent net', 'x w', [(7, 5), (5, 5)], rnn, rnn_back)
mistake(RNN, 'dw-overwritten', 'overwrote the weight gradient: only the first time step counts', lambda *a: rnn_back(*a, keep=(1, 0)))
mistake(RNN, 'dw-last-step', 'only the last time step contributes to the weight gradient', lambda *a: rnn_back(*a, keep=(0, 1)))
mistake(RNN, 'tanh-between-forgotten', 'forgot the tanh backward between the two steps', lambda *a: rnn_back(*a, inner=lambda dh, h: dh))
mistake(RNN, 'wrong-hidden', 'used the hidden state of the wrong step (h2 instead of h1) in the weight gradient',
        lambda *a: rnn_back(*a, h_for_dw2=lambda x, h1, h2: h2))
mistake(RNN, 'averaged-over-time', 'averaged the weight gradient over the time steps instead of summing it', lambda *a: rnn_back(*a, keep=(.5, .5)))

# ---- broadcasting

SCALE = Op('scale', 'homework: a scale per feature', 'x s', [(7, 11), (11,)], lambda x, s: x * s, lambda g, x, s: (g * s, (g * x).sum(0)))
mistake(SCALE, 'not-summed', 'did not sum the gradient of the scale over the batch', lambda g, x, s: (g * s, g * x))
mistake(SCALE, 'x-forgotten', 'forgot the factor x: summed the upstream gradient as for a bias', lambda g, x, s: (g * s, g.sum(0)))
mistake(SCALE, 'upstream-forgotten', 'forgot the upstream gradient in the gradient of the scale: x.sum(0)', lambda g, x, s: (g * s, x.sum(0)))
mistake(SCALE, 'dx-unscaled', 'forgot to multiply by the scale in the input gradient', lambda g, x, s: (g.clone(), (g * x).sum(0)))
mistake(SCALE, 'summed-separately', 'multiplied the two sums, g.sum(0) * x.sum(0), instead of summing the product',
        lambda g, x, s: (g * s, g.sum(0) * x.sum(0)))
mistake(SCALE, 'first-row', 'kept only the first row of the batch instead of the sum', lambda g, x, s: (g * s, (g * x)[0]))

ROWS = Op('row-scale', 'office hours: a scale per row, kept as a column', 'x s', [(7, 11), (7, 1)],
             lambda x, s: x * s, lambda g, x, s: (g * s, (g * x).sum(1, keepdim=True)))
mistake(ROWS, 'keepdim-forgotten', 'lost the axis of size 1: gradient of shape (n,) instead of (n, 1)', lambda g, x, s: (g * s, (g * x).sum(1)))
mistake(ROWS, 'wrong-axis', 'summed the gradient of the scale over the rows instead of the columns', lambda g, x, s: (g * s, (g * x).sum(0)[:, None]))

OUTER = Op('outer-sum', 'homework: a[:, None] + b', 'a b', [(7,), (11,)], lambda a, b: a[:, None] + b, lambda g, a, b: (g.sum(1), g.sum(0)))
mistake(OUTER, 'axes-swapped', 'swapped the axes of the two sums', lambda g, a, b: (g.sum(0), g.sum(1)))
mistake(OUTER, 'mean', 'averaged over the broadcast axis instead of summing', lambda g, a, b: (g.mean(1), g.mean(0)))
mistake(OUTER, 'not-summed', 'did not undo the broadcasting: passed g to both', lambda g, a, b: (g.clone(), g.clone()))
mistake(OUTER, 'total', 'summed over both axes and gave every element the total',
        lambda g, a, b: (g.sum().expand(7).clone(), g.sum().expand(11).clone()))
OUTER2 = Op('outer-sum-square', 'homework: a[:, None] + b with equal lengths', 'a b', [(7,), (7,)],
             lambda a, b: a[:, None] + b, lambda g, a, b: (g.sum(1), g.sum(0)))
mistake(OUTER2, 'axes-swapped', 'swapped the axes of the two sums (the shapes agree)', lambda g, a, b: (g.sum(0), g.sum(1)))

BIAS3 = Op('bias-3d', 'forum: a bias added to (batch, time, features)', 'x b', [(5, 7, 11), (11,)],
             lambda x, b: x + b, lambda g, x, b: (g.clone(), g.sum((0, 1))))
mistake(BIAS3, 'one-axis', 'summed the bias gradient over the batch only, not over time', lambda g, x, b: (g.clone(), g.sum(0)))
mistake(BIAS3, 'time-mean', 'summed over the batch but averaged over time', lambda g, x, b: (g.clone(), g.mean(1).sum(0)))
mistake(BIAS3, 'last-step', 'took the bias gradient at the last time step only', lambda g, x, b: (g.clone(), g[:, -1].sum(0)))

mistake(BIAS3, 'ones', 'returned the local derivative 1 as bias gradient, without the upstream gradient',
        lambda g, x, b: (g.clone(), torch.ones_like(b)))

# ---- weight decay

LAM = .3


def decay_right(g, x, w, y, term=lambda g, x, w: g * LAM * w):
    """Backward of the loss with weight decay; `term` is the gradient of the penalty."""
    d = 2 * g * (x @ w - y) / y.numel()
    return d @ w.T, x.T @ d + term(g, x, w), -d


def decay_with(term):
    """The backward with another gradient of the penalty."""
    return lambda *a: decay_right(*a, term=term)


DECAY = Op('weight-decay', 'homework: MSE plus lambda / 2 times the squared weights', 'x w y', [(7, 5), (5, 11), (7, 11)],
           lambda x, w, y: ((x @ w - y)**2).mean() + LAM / 2 * (w**2).sum(), decay_right)
mistake(DECAY, 'forgotten', 'forgot the weight decay term in the gradient', decay_with(lambda g, x, w: 0))
mistake(DECAY, 'factor-two', 'forgot that the penalty has a factor 1/2: 2 * lambda * w', decay_with(lambda g, x, w: 2 * g * LAM * w))
mistake(DECAY, 'half-kept', 'forgot the 2 of the square: lambda / 2 * w', decay_with(lambda g, x, w: g * LAM / 2 * w))
mistake(DECAY, 'sign', 'subtracted the weight decay term', decay_with(lambda g, x, w: -g * LAM * w))
mistake(DECAY, 'upstream-forgotten', 'did not multiply the weight decay term by the upstream gradient', decay_with(lambda g, x, w: LAM * w))
mistake(DECAY, 'batch-divided', 'divided the weight decay term by the batch size', decay_with(lambda g, x, w: g * LAM * w / len(x)))
mistake(DECAY, 'l1', 'used the sign of the weights, the gradient of an L1 penalty', decay_with(lambda g, x, w: g * LAM * w.sign()))
mistake(DECAY, 'norm-not-squared', 'differentiated the norm instead of the squared norm: lambda * w / norm(w)',
        decay_with(lambda g, x, w: g * LAM * w / w.norm()))

# ---- rearranging: concatenation, transpose

CONCAT = Op('concat', 'homework: concatenation of features', 'a b', [(7, 5), (7, 11)],
             lambda a, b: torch.cat([a, b], 1), lambda g, a, b: (g[:, :5], g[:, 5:]))
mistake(CONCAT, 'split-swapped', 'took the columns in the wrong order: the first ones for b', lambda g, a, b: (g[:, 11:], g[:, :11]))
mistake(CONCAT, 'split-off-by-one', 'split one column too early: the gradient of b starts at the last column of a',
        lambda g, a, b: (g[:, :5], g[:, 4:15]))

HEADS = Op('transpose', 'office hours: swapping the axes of time and heads', 'x', [(5, 7, 11)],
             lambda x: x.transpose(0, 1), lambda g, x: (g.transpose(0, 1),))
mistake(HEADS, 'reshape-for-transpose', 'reshaped the gradient back instead of transposing it', lambda g, x: (g.reshape(5, 7, 11),))
mistake(HEADS, 'not-transposed', 'did not transpose the gradient back', lambda g, x: (g.clone(),))

# ---- the check

def draw(inputs):
    """Random float64 tensors for the shapes among `inputs`; tensors as they are."""
    return [i.clone() if isinstance(i, torch.Tensor) else torch.randn(*i, dtype=torch.float64) for i in inputs]


def differs(got, want, tol):
    """Whether a gradient has another shape, is missing, is not finite, or is more than `tol` (relative) away."""
    if got is None or want is None: return (got is None) != (want is None)
    if got.shape != want.shape or not torch.isfinite(got).all(): return True
    return bool((got - want).abs().max() > tol * want.abs().max())


def check(m, seed):
    """Compare `right` and `wrong` of one entry with autograd; raises AssertionError where the entry is not sound."""
    torch.manual_seed(seed)
    xs = draw(m.inputs)
    for x in xs: x.requires_grad_(x.is_floating_point())
    out = m.forward(*xs)
    if isinstance(out, tuple):
        out, inter = out
        assert all(t.grad_fn is not None for t in inter.values()), f'{m.id}: an intermediate is not in the graph'
    g = torch.randn_like(out)
    leaves = [x for x in xs if x.requires_grad]
    grads = iter(torch.autograd.grad(out, leaves, g))
    want = [next(grads) if x.requires_grad else None for x in xs]
    xs = [x.detach() for x in xs]
    with torch.no_grad():
        before = [t.clone() for t in (g, *xs)]
        right, wrong = m.right(g, *xs), m.wrong(g, *xs)
    assert all(torch.equal(s, t) for s, t in zip(before, (g, *xs))), f'{m.id}: an input was changed in place'
    assert isinstance(right, tuple) and isinstance(wrong, tuple), f'{m.id}: not a tuple'
    assert len(right) == len(wrong) == len(xs) == len(m.names.split()), f'{m.id}: count of gradients'
    assert not any(differs(r, w, 1e-9) for r, w in zip(right, want)), f'{m.id}: the right backward is not right'
    assert any(differs(r, w, 1e-6) for r, w in zip(wrong, want)), f'{m.id}: the wrong backward is right'


if __name__ == '__main__':
    torch.set_num_threads(1)
    assert len({m.id for m in MISTAKES}) == len(MISTAKES), 'an id is not unique'
    for m in MISTAKES:
        for seed in range(3): check(m, seed)
    for story, n in Counter(m.story for m in MISTAKES).items(): print(f'{n:3} {story}')
    print(len(MISTAKES), 'mistakes, all sound')
