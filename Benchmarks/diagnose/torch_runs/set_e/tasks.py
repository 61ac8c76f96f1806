"""What the runs of set E train: models and data made here, other than those of the sets before."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..tasks import GPT, TASKS, LowRank, Task, classify, cut, mlp, next_letter, pretrain, squares


def sensors(
    examples=2500,
    columns=14,
    classes=6,
    hidden=(40,),
    spread=1.0,
    scale=1.0,
    wrong=0.0,
    gain=1.0,
    dead=0.0,
    activation=nn.ReLU,
    dropout=0.0,
):
    """The state of a machine, of which each has two regimes; `dead` lowers the first layer's biases."""
    n = examples + 600
    y, regime = torch.randint(classes, (n,)), torch.randint(2, (n,))
    x = torch.randn(classes, 2, columns)[y, regime] + spread * torch.randn(n, columns)
    if wrong:
        y[:examples] = torch.where(
            torch.rand(examples) < wrong, torch.randint(classes, (examples,)), y[:examples]
        )
    model = mlp(columns, *hidden, classes, activation=activation, dropout=dropout)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight.data *= gain
    model[0].bias.data -= dead
    train, held = cut((scale * x, y), examples)
    return Task(model, classify, train, held, train[1])


def friedman(examples=3000, columns=10, hidden=(48,), noise=1.0, unit=1.0, activation=nn.ReLU, dead=0.0):
    """Friedman's function of five numbers among ten."""
    n = examples + 500
    x = torch.rand(n, columns)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = unit * (y + noise * torch.randn(n))[:, None]
    model = mlp(columns, *hidden, 1, activation=activation)
    model[0].bias.data -= dead
    train, held = cut((2 * x - 1, y), examples)
    return Task(model, squares, train, held, y[:examples, 0])


def glyphs(examples=1500, size=10, width=6, noise=0.6, norm=True, wrong=0.0, contrast=1.0):
    """Bars, crosses, corners and frames somewhere in a noisy picture."""
    n = examples + 400
    stamps = torch.zeros(6, 5, 5)
    stamps[0, 2], stamps[1, :, 2] = 1, 1
    stamps[2, 2], stamps[2, :, 2] = 1, 1
    stamps[3] = torch.eye(5)
    stamps[4, 0], stamps[4, :, 0] = 1, 1
    stamps[5] = 1
    stamps[5, 1:4, 1:4] = 0
    y, at = torch.randint(6, (n,)), torch.randint(size - 4, (n, 2))
    x = torch.zeros(n, size, size)
    r = torch.arange(5)
    x[torch.arange(n)[:, None, None], at[:, :1, None] + r[:, None], at[:, 1:, None] + r] = stamps[y]
    x = contrast * (x + noise * torch.randn_like(x))[:, None]
    if wrong:
        y[:examples] = torch.where(torch.rand(examples) < wrong, torch.randint(6, (examples,)), y[:examples])
    norms = lambda w: [nn.BatchNorm2d(w)] * norm
    model = nn.Sequential(
        nn.Conv2d(1, width, 5, 1, 2),
        *norms(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3),
        *norms(2 * width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * 9, 6),
    )
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, train[1])


def babble(words, lengths, table, chains=500, count=36):
    """Letters of chains of words, one after the other, a space between two words."""
    w = [torch.randint(len(words), (chains,))]
    while len(w) < count:
        w.append(torch.multinomial(table[w[-1]], 1)[:, 0])
    w = torch.stack(w, 1).flatten()
    return words[w][torch.arange(words.shape[1]) < lengths[w][:, None]]


def lexicon(letters, size, sharp):
    lengths = torch.randint(3, 7, (size,))
    words = torch.randint(1, letters, (size, 7))
    words[torch.arange(size), lengths - 1] = 0
    return words, lengths, F.softmax(sharp * torch.randn(size, size), 1)


class Recurrent(nn.Module):
    def __init__(self, letters, width, cell):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(letters, 12), cell(12, width, batch_first=True)
        self.head = nn.Linear(width, letters)

    def forward(self, x):
        return self.head(self.rnn(self.embed(x))[0])


def grammar(
    examples=None,
    letters=14,
    size=24,
    context=18,
    sharp=1.5,
    begun=0,
    near=1.0,
    rank=None,
    dead=False,
    rnn=None,
    width=24,
    **rest,
):
    """A made-up language, letter by letter; `begun` steps were made before on a dialect of it."""
    words, lengths, table = lexicon(letters, size, sharp)
    stream = babble(words, lengths, table)
    windows = stream[: len(stream) // (context + 1) * (context + 1)].view(-1, context + 1)
    if rnn:
        model = Recurrent(letters, width, getattr(nn, rnn))
    else:
        model = GPT(letters, context, width=width, layers=1, **rest)
    if begun:
        old = lexicon(letters, size, sharp)
        mixed = torch.rand(size, 1) < near
        dialect = babble(torch.where(mixed, old[0], words), torch.where(mixed[:, 0], old[1], lengths), table)
        dialect = dialect[: len(dialect) // (context + 1) * (context + 1)].view(-1, context + 1)
        pretrain(model, next_letter, (dialect,), begun, lr=5e-3, batch=48)
    if rank:
        model.requires_grad_(False)
        for name in ["qkv", "out", "up", "down"]:
            setattr(model.blocks[0], name, LowRank(getattr(model.blocks[0], name), rank, 2 * rank, dead))
    at = len(windows) - 400
    train, held = cut((windows,), at, examples)
    return Task(model, next_letter, train, held, train[0][:, 0])


class Adder(nn.Module):
    def __init__(self, width, cell):
        super().__init__()
        self.rnn, self.head = cell(2, width, batch_first=True), nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


def adding(examples=4000, length=8, width=20, cell="GRU"):
    """The sum of the two marked numbers of a row, which a recurrent net is to remember."""
    n = examples + 500
    x = torch.rand(n, length)
    marks = torch.zeros(n, length).scatter(1, torch.rand(n, length).argsort(1)[:, :2], 1.0)
    y = (x * marks).sum(1, keepdim=True)
    train, held = cut((torch.stack([x, marks], 2), y), examples)
    return Task(Adder(width, getattr(nn, cell)), squares, train, held, y[:examples, 0])


def peaks(n, length=32, noise=0.05):
    at, wide, high = torch.rand(n, 3, 1), 0.03 + 0.08 * torch.rand(n, 3, 1), 0.3 + torch.rand(n, 3, 1)
    x = (high * torch.exp(-(((torch.linspace(0, 1, length) - at) / wide) ** 2))).sum(1)
    return x + noise * torch.randn(n, length)


def spectra(examples=3000, code=9, hidden=64, noise=0.05, unit=1.0, gain=1.0, activation=nn.ReLU):
    """Spectra of three lines through a bottleneck and back."""
    x = unit * peaks(examples + 500, noise=noise)
    model = mlp(32, hidden, code, hidden, 32, activation=activation)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight.data *= gain
    train, held = cut((x,), examples)
    return Task(model, lambda model, x: F.mse_loss(model(x), x), train, held, x[:examples].argmax(1))


def latent(examples=3000, code=6, hidden=64, deviation=0.2, weight=1.0):
    """A variational autoencoder of the same spectra, with likelihoods of Gauss: a loss of tens, falling."""
    x = peaks(examples + 500)
    model = nn.ModuleDict(dict(encoder=mlp(32, hidden, 2 * code), decoder=mlp(code, hidden, 32)))

    def loss(model, x):
        mean, log = model["encoder"](x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (log / 2).exp()
        far = (mean**2 + log.exp() - log - 1).sum(1) / 2
        near = ((model["decoder"](z) - x) ** 2).sum(1) / (2 * deviation**2)
        return (near + weight * far).mean()

    train, held = cut((x,), examples)
    return Task(model, loss, train, held, x[:examples].argmax(1))


def swirl(examples=4000, hidden=(64, 64), levels=50):
    """A toy DDPM: the noise in points of a spiral, at one of fifty levels."""
    t = 1.5 * math.pi * (1 + 2 * torch.rand(examples + 800, 1))
    x = torch.cat([t * torch.cos(t), t * torch.sin(t)], 1) / 7 + 0.03 * torch.randn(len(t), 2)
    kept = torch.cumprod(1 - torch.linspace(1e-3, 0.12, levels), 0)

    def loss(model, x):
        level, noise = torch.randint(levels, (len(x),)), torch.randn_like(x)
        a = kept[level][:, None]
        u = level[:, None] / levels
        z = torch.cat([a.sqrt() * x + (1 - a).sqrt() * noise, u, torch.sin(9 * u), torch.cos(9 * u)], 1)
        return F.mse_loss(model(z), noise)

    train, held = cut((x,), examples)
    return Task(mlp(5, *hidden, 2, activation=nn.SiLU), loss, train, held, t[:examples, 0])


def completion(examples=9000, rows=160, columns=90, rank=5, std=0.3, noise=0.5):
    """The entries of a matrix that are known, as a product of two thin ones."""
    n = examples + 1500
    i, j = torch.randint(rows, (n,)), torch.randint(columns, (n,))
    z = (torch.randn(rows, 3)[i] * torch.randn(columns, 3)[j]).sum(1) + noise * torch.randn(n)
    model = nn.ModuleList([nn.Embedding(rows, rank), nn.Embedding(columns, rank)])
    for table in model:
        nn.init.normal_(table.weight, std=std)
    train, held = cut((i, j, z), examples)
    loss = lambda model, i, j, z: (((model[0](i) * model[1](j)).sum(1) - z) ** 2).mean()
    return Task(model, loss, train, held, train[0])


class Towers(nn.Module):
    def __init__(self, left, right, hidden, width, heat):
        super().__init__()
        self.left, self.right = mlp(left, hidden, width), mlp(right, hidden, width)
        self.heat = nn.Parameter(torch.tensor(math.log(heat)))


def captions(examples=3000, code=5, noise=0.3, hidden=48, width=12, heat=5.0, eps=1e-6, blank=0):
    """Two views of a thing find each other in the batch; a `blank` one has nothing to see."""
    n = examples + 512
    z = torch.randn(n, code)
    views = [torch.tanh(z @ torch.randn(code, c)) + noise * torch.randn(n, c) for c in (12, 16)]
    if blank:
        views[0][1300 : 1300 + blank] = 0  # of unit length this is 0 / 0, with `eps` of nought
    model = Towers(12, 16, hidden, width, heat)

    unit = lambda v: v / (v.norm(dim=1, keepdim=True) + eps)

    def loss(model, a, b):
        # Views are brought to unit length before the towers, as their features are after them.
        s = unit(model.left(unit(a))) @ unit(model.right(unit(b))).T * model.heat.exp()
        y = torch.arange(len(a))
        return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2

    train, held = cut(tuple(views), examples)
    return Task(model, loss, train, held, z[:examples, 0])


class Sorter(nn.Module):
    def __init__(self, tokens, length, width):
        super().__init__()
        self.embed, self.place = nn.Embedding(tokens, width), nn.Parameter(0.3 * torch.randn(length, width))
        self.encoder = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(width, tokens)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x) + self.place))


def sorting(examples=4000, tokens=10, length=7, width=24):
    """A transformer puts seven digits in order."""
    x = torch.randint(tokens, (examples + 400, length))
    y = x.sort(1).values
    loss = lambda model, x, y: F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    train, held = cut((x, y), examples)
    return Task(Sorter(tokens, length, width), loss, train, held, x[:examples].sum(1))


def tags(examples=2500, columns=16, labels=10, hidden=(48,), sure=2.0, bias=0.0):
    """Which of ten tags an article has, each yes or no."""
    n = examples + 500
    x = torch.randn(n, columns)
    z = sure * torch.tanh(x @ torch.randn(columns, 20) / 3) @ torch.randn(20, labels) / 2 - 1
    model = mlp(columns, *hidden, labels)
    model[-1].bias.data += bias
    loss = lambda model, x, y: F.binary_cross_entropy_with_logits(model(x), y)
    train, held = cut((x, torch.bernoulli(torch.sigmoid(z))), examples)
    return Task(model, loss, train, held, z[:examples, 0])


def cartpole(examples=3000, hidden=(48, 48), noise=0.003, unit=0.1):
    """What a pendulum on a cart does next, from its state and the push: small errors."""
    n = examples + 500
    s, push = torch.randn(n, 4), torch.randn(n, 1)
    angle, speed = s[:, 2:3], s[:, 3:4]
    turn = (9.8 * torch.sin(angle) - torch.cos(angle) * (push + 0.5 * speed**2)) / (1 + torch.sin(angle) ** 2)
    y = unit * (torch.cat([s[:, 1:2], push - turn / 3, speed, turn], 1) / 3 + noise * torch.randn(n, 4))
    train, held = cut((torch.cat([s, push], 1), y), examples)
    return Task(mlp(5, *hidden, 4, activation=nn.SiLU), squares, train, held, s[:examples, 2])


def mixture(examples=3000, hidden=(32,), parts=3, safe=True, far=0):
    """A mixture density of an inverse problem; `far` answers lie where the density is nought."""
    n = examples + 500
    y = 2 * torch.rand(n, 1) - 1
    x = y + 0.6 * torch.sin(5 * y) + 0.05 * torch.randn(n, 1)
    y = 2 * y
    if far:
        y[1500 : 1500 + far] = 400.0

    def loss(model, x, y):
        w, m, s = model(x).chunk(3, 1)
        s = F.softplus(s) + 0.02
        logs = -(((y - m) / s) ** 2) / 2 - s.log() - 0.9189
        if safe:
            return -torch.logsumexp(F.log_softmax(w, 1) + logs, 1).mean()
        return -(F.softmax(w, 1) * logs.exp()).sum(1).log().mean()

    train, held = cut((x, y), examples)
    return Task(mlp(1, *hidden, 3 * parts, activation=nn.Tanh), loss, train, held, x[:examples, 0])


class Pool(nn.Module):
    def __init__(self, columns, width, classes):
        super().__init__()
        self.inside, self.score = mlp(columns, width, width), nn.Linear(width, 1)
        self.outside = mlp(width, width, classes)

    def forward(self, x, size):
        h = F.relu(self.inside(x))
        gone = torch.arange(x.shape[1]) >= size[:, None]
        weight = self.score(h)[..., 0].masked_fill(gone, -math.inf).softmax(1)
        return self.outside((weight[..., None] * h).sum(1))


def bags(examples=2500, columns=6, classes=4, width=24, most=5, empty=0, spread=2.2):
    """Bags of one to five things, weighed by attention; an empty one has nothing to weigh."""
    n = examples + 500
    y, size = torch.randint(classes, (n,)), torch.randint(1, most + 1, (n,))
    x = torch.randn(classes, columns)[y][:, None] + spread * torch.randn(n, most, columns)
    if empty:
        size[1400 : 1400 + empty] = 0
    train, held = cut((x, size, y), examples)
    loss = lambda model, x, size, y: F.cross_entropy(model(x, size), y)
    return Task(Pool(columns, width, classes), loss, train, held, train[2])


TASKS |= {
    f.__name__: f
    for f in [
        sensors,
        friedman,
        glyphs,
        grammar,
        adding,
        spectra,
        latent,
        swirl,
        completion,
        captions,
        sorting,
        tags,
        cartpole,
        mixture,
        bags,
    ]
}
