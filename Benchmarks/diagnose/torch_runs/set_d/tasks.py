"""What the runs of set D train: other models and other data than those of the sets before."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..tasks import GPT, TASKS, LowRank, Task, classify, cut, mlp, next_letter, pretrain, squares


def field(examples=3000, scale=0.02, bands=6, hidden=(48, 48), noise=0.0, gain=1.0):
    """A picture as a function of its coordinates, in metres: mean squared errors of a ten-thousandth."""
    xy = 2 * torch.rand(examples + 500, 2) - 1
    z = torch.sin(4 * xy[:, :1] + torch.cos(3 * xy[:, 1:])) * torch.exp(-(xy**2).sum(1, True))
    z = scale * (z + noise * torch.randn_like(z))
    waves = gain * torch.randn(2, bands) * 2
    x = torch.cat([torch.sin(xy @ waves), torch.cos(xy @ waves)], 1)
    train, held = cut((x, z), examples)
    return Task(mlp(2 * bands, *hidden, 1, activation=nn.SiLU), squares, train, held, z[:examples, 0])


class Flow(nn.Module):
    """Affine couplings in turn on the two halves of the numbers."""

    def __init__(self, columns, layers, hidden):
        super().__init__()
        self.half = columns // 2
        self.steps = nn.ModuleList(
            mlp(self.half, hidden, 2 * self.half, activation=nn.Tanh) for _ in range(layers)
        )

    def forward(self, x):
        a, b, total = x[:, : self.half], x[:, self.half :], 0
        for step in self.steps:
            log, shift = step(a).chunk(2, 1)
            log = 2 * torch.tanh(log / 2)
            a, b, total = b * log.exp() + shift, a, total + log.sum(1)
        return ((a**2).sum(1) + (b**2).sum(1) + x.shape[1] * math.log(2 * math.pi)) / 2 - total


def flow(examples=3000, columns=4, layers=4, hidden=24, tight=0.1):
    """A normalizing flow: its negative log-likelihood falls below zero."""
    n = examples + 600
    u = 2 * torch.rand(n, columns // 2) - 1
    x = torch.cat([u, torch.sin(3 * u) / 2 + tight * torch.randn_like(u)], 1)
    train, held = cut((x,), examples)
    return Task(Flow(columns, layers, hidden), lambda model, x: model(x).mean(), train, held, u[:examples, 0])


def waves(examples=2500, length=40, code=8, hidden=64, noise=0.3):
    """Noisy signals are cleaned; the loss is the sum over the batch and the signal, so hundreds."""
    n = examples + 500
    t = torch.linspace(0, 1, length)
    w, phase, size = (torch.rand(n, 2, 1) for _ in range(3))
    x = (torch.sin(2 * math.pi * (1 + 4 * w) * t + 6 * phase) * (0.5 + size)).sum(1)
    loss = lambda model, x, y: F.mse_loss(model(x), y, reduction="sum")
    train, held = cut((x + noise * torch.randn_like(x), x), examples)
    return Task(mlp(length, hidden, code, hidden, length), loss, train, held, w[:examples, 0, 0])


def prices(examples=2500, columns=9, hidden=(40,), level=200.0, lost=0, log=False, noise=0.15):
    """Prices of houses in thousands; `lost` ones are nought, whose logarithm is not finite."""
    n = examples + 500
    x = torch.randn(n, columns)
    y = (0.4 * torch.tanh(x @ torch.randn(columns, 4) / 2) @ torch.randn(4) + noise * torch.randn(n)).exp()
    y = level * y[:, None]
    if lost:
        y[900 : 900 + lost] = 0
    y = y.log() if log else y
    train, held = cut((x, y), examples)
    return Task(mlp(columns, *hidden, 1), squares, train, held, y[:examples, 0])


class Crossed(nn.Module):
    """A factorization machine."""

    def __init__(self, fields, values, rank, std):
        super().__init__()
        self.bias, self.rank = nn.Embedding(fields * values, 1), nn.Embedding(fields * values, rank)
        nn.init.zeros_(self.bias.weight)
        nn.init.normal_(self.rank.weight, std=std)
        self.mean = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        v = self.rank(x)
        pairs = (v.sum(1) ** 2 - (v**2).sum(1)).sum(1) / 2
        return self.mean + self.bias(x).sum((1, 2)) + pairs


def clicks(examples=8000, fields=5, values=30, rank=4, std=0.1, sure=1.5):
    """Whether an advertisement is clicked, from crossed categories."""
    n = examples + 1500
    x = (values * torch.rand(n, fields) ** 1.5).long() + values * torch.arange(fields)
    v = torch.randn(fields * values, 2)
    z = sure * ((v[x].sum(1) ** 2).sum(1) - (v[x] ** 2).sum((1, 2))) / 6 - 1
    train, held = cut((x, torch.bernoulli(torch.sigmoid(z))), examples)
    loss = lambda model, x, y: F.binary_cross_entropy_with_logits(model(x), y)
    return Task(Crossed(fields, values, rank, std), loss, train, held, train[1])


class Skip(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.inside, self.outside = nn.Embedding(words, width), nn.Embedding(words, width)
        for table in [self.inside, self.outside]:
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, a, b):
        return (self.inside(a)[:, None] * self.outside(b)).sum(-1)


def skipgram(examples=9000, words=200, topics=10, width=16):
    """Words beside words of their topic, against four drawn at random."""
    n = examples + 1500
    topic = torch.randint(topics, (n,))
    of = lambda: (topic + topics * (words // topics * torch.rand(n) ** 2).long()) % words
    other = torch.randint(words, (n, 4))
    train, held = cut((of(), torch.cat([of()[:, None], other], 1)), examples)

    def loss(model, a, b):
        z = model(a, b)
        return -F.logsigmoid(z[:, 0]).mean() - F.logsigmoid(-z[:, 1:]).sum(1).mean()

    return Task(Skip(words, width), loss, train, held, topic[:examples])


def graph(nodes=400, classes=4, width=24, apart=3.0, noise=1.6, dropout=0.0):
    """Nodes of a graph get their class by two graph convolutions."""
    y = torch.randint(classes, (nodes,))
    same = (y[:, None] == y).float()
    edges = torch.bernoulli((0.01 + 0.01 * apart * same).triu(1))
    a = edges + edges.T + torch.eye(nodes)
    d = a.sum(1).rsqrt()
    a = d[:, None] * a * d
    x = noise * torch.randn(nodes, 16) + torch.randn(classes, 16)[y]
    model = nn.ModuleList([nn.Linear(16, width), nn.Linear(width, classes)])

    def loss(model, index, y):
        h = F.dropout(F.relu(a @ model[0](x)), dropout, model.training)
        return F.cross_entropy((a @ model[1](h))[index], y)

    train, held = cut((torch.arange(nodes), y), nodes * 3 // 5)
    return Task(model, loss, train, held, train[1])


def tones(examples=1800, length=48, classes=5, width=8, noise=0.6, wrong=0.0, silent=0, norm=True, depth=1):
    """Short recordings and what sounds in them; each is brought to unit deviation, also a silent one."""
    n = examples + 500
    y, t = torch.randint(classes, (n,)), torch.linspace(0, 1, length)
    pitch = 2 + 1.5 * y[:, None] + 0.5 * torch.rand(n, 1)
    x = torch.sin(2 * math.pi * pitch * t * (1 + 0.3 * t) + 6 * torch.rand(n, 1))
    x = x + noise * torch.randn(n, length)
    if silent:
        x[500 : 500 + silent] = 0
    x = (x / x.std(1, keepdim=True))[:, None]
    if wrong:
        y[:examples] = torch.where(
            torch.rand(examples) < wrong, torch.randint(classes, (examples,)), y[:examples]
        )
    layers = [nn.Conv1d(1, width, 7, stride=2)] + [nn.BatchNorm1d(width)] * norm + [nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Conv1d(width, width, 3, padding=1)] + [nn.BatchNorm1d(width)] * norm + [nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(4 * width, classes))
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, train[1])


def shapes(examples=1200, size=12, width=6, noise=0.5):
    """The pixels of a disc in a noisy picture: a small net of convolutions that goes down and up."""
    n = examples + 300
    r = torch.arange(size) * 1.0
    at, radius = 2 + (size - 4) * torch.rand(n, 2), 1.5 + 2.5 * torch.rand(n, 1, 1)
    far = ((r - at[:, :1]) ** 2)[:, :, None] + ((r - at[:, 1:]) ** 2)[:, None, :]
    y = (far < radius**2).float()[:, None]
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(2 * width, 1, 3, padding=1),
    )

    def loss(model, x, y):
        z = model(x)
        p = torch.sigmoid(z)
        dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
        return dice + F.binary_cross_entropy_with_logits(z, y)

    train, held = cut((y + noise * torch.randn_like(y), y), examples)
    return Task(model, loss, train, held, radius[:examples, 0, 0])


def chain(words, sharp, generator):
    return F.softmax(sharp * torch.randn(words, words, words, generator=generator), 2)


def sentences(table, count, length):
    w = [torch.randint(len(table), (count,)) for _ in range(2)]
    while len(w) < length:
        w.append(torch.multinomial(table[w[-2], w[-1]], 1)[:, 0])
    return torch.stack(w, 1)


def markov(
    examples=4000, words=12, length=13, sharp=1.6, begun=0, near=0.0, rank=None, dead=False, width=24, **rest
):
    """A GPT on sentences of a chain of words; `begun` steps were made before on a chain near to it."""
    g = torch.Generator().manual_seed(77)
    old, new = chain(words, sharp, g), chain(words, sharp, g)
    table = old if not begun else (1 - near) * old + near * new
    data = sentences(table, examples + 600, length)
    model = GPT(words, length - 1, width=width, layers=1, **rest)
    if begun:
        pretrain(model, next_letter, (sentences(old, 4000, length),), begun, lr=4e-3, batch=64)
    if rank:
        model.requires_grad_(False)
        for name in ["qkv", "out", "up", "down"]:
            setattr(model.blocks[0], name, LowRank(getattr(model.blocks[0], name), rank, 2 * rank, dead))
    train, held = cut((data,), examples)
    return Task(model, next_letter, train, held, data[:examples, 0])


class Sums(nn.Module):
    def __init__(self, modulus, width, hidden, std):
        super().__init__()
        self.embed, self.out = nn.Embedding(modulus, width), mlp(2 * width, hidden, modulus)
        nn.init.normal_(self.embed.weight, std=std)

    def forward(self, x):
        return self.out(self.embed(x).flatten(1))


def remainders(examples=5000, modulus=15, width=16, hidden=64, std=1.0, wrong=0.05):
    """The remainder of a sum, now and then told wrongly."""
    x = torch.randint(modulus, (examples + 800, 2))
    y = x.sum(1) % modulus
    y = torch.where(torch.rand(len(y)) < wrong, torch.randint(modulus, (len(y),)), y)
    train, held = cut((x, y), examples)
    return Task(Sums(modulus, width, hidden, std), classify, train, held, train[1])


def cloning(examples=4000, hidden=(32, 32), noise=0.1):
    """A driver's actions are copied from what the car senses."""
    x = torch.randn(examples + 600, 7)
    aim = torch.tanh(x @ torch.randn(7, 5))
    y = torch.tanh(aim @ torch.randn(5, 2)) + noise * torch.randn(len(x), 2)
    train, held = cut((x, y), examples)
    loss = lambda model, x, y: F.smooth_l1_loss(torch.tanh(model(x)), y, beta=0.2)
    return Task(mlp(7, *hidden, 2, activation=nn.ELU), loss, train, held, y[:examples, 0])


def survival(examples=3000, columns=8, hidden=(24,), zero=0):
    """Days to a failure, by Weibull's distribution; a part that failed on the day it came has none."""
    n = examples + 500
    x = torch.randn(n, columns)
    scale = torch.tanh(x @ torch.randn(columns, 3) / 2) @ torch.randn(3)
    t = scale.exp() * (-torch.rand(n).clamp(1e-6).log()) ** 0.4
    if zero:
        t[1100 : 1100 + zero] = 0

    def loss(model, x, t):
        a, k = model(x).unbind(1)
        k = F.softplus(k) + 0.05
        z = t.log() - a
        return -(k.log() - t.log() + k * z - (k * z).clamp(max=20).exp()).mean()

    train, held = cut((x, t), examples)
    return Task(mlp(columns, *hidden, 2, activation=nn.SiLU), loss, train, held, t[:examples])


def quantiles(examples=3000, columns=6, hidden=(32,)):
    """Nine quantiles of what a shop sells on a day."""
    n = examples + 500
    x = torch.randn(n, columns)
    y = torch.tanh(x @ torch.randn(columns)) + (0.2 + 0.3 * torch.sigmoid(x[:, 1])) * torch.randn(n)
    q = torch.linspace(0.1, 0.9, 9)
    loss = lambda model, x, y: torch.maximum(q * (y - model(x)), (q - 1) * (y - model(x))).mean()
    train, held = cut((x, y[:, None]), examples)
    return Task(mlp(columns, *hidden, 9), loss, train, held, y[:examples])


def distill(examples=3000, columns=10, classes=8, hidden=(32,), warm=1.0):
    """A student copies the odds of a teacher."""
    x = torch.randn(examples + 500, columns)
    with torch.no_grad():
        teacher = F.softmax(6 * mlp(columns, 64, 64, classes)(x) / warm, 1)
    loss = lambda model, x, p: F.kl_div(F.log_softmax(model(x), 1), p, reduction="batchmean")
    train, held = cut((x, teacher), examples)
    return Task(mlp(columns, *hidden, classes), loss, train, held, teacher[:examples].argmax(1))


class Reader(nn.Module):
    """Words, attention over them, a mean, two classes."""

    def __init__(self, words, width, classes):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.encoder = nn.TransformerEncoderLayer(width, 2, 2 * width, 0.0, batch_first=True)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(self.encoder(self.embed(x)).mean(1))


def reviews(examples=2400, words=150, length=10, begun=250, width=20, wrong=0.08, std=None):
    """Whether a review is kind, by a reader of texts that once learned to tell five topics."""
    n = examples + 500
    x = torch.randint(words, (n, length))
    y = ((torch.randn(words)[x].sum(1)) > 0).long()
    flip = torch.rand(n) < wrong
    y = torch.where(flip, 1 - y, y)
    model = Reader(words, width, 5)
    if begun:
        old = torch.randint(words, (4000, length))
        pretrain(model, classify, (old, torch.randn(words, 5)[old].sum(1).argmax(1)), begun)
    model.classifier = nn.Linear(width, 2)
    if std is not None:
        nn.init.normal_(model.classifier.weight, std=std)
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, train[1])


def matching(examples=6000, users=120, items=80, rank=6, std=0.1, root=0.0, twins=0):
    """A thing someone chose is to be nearer than one not chosen; `twins` choices are compared with themselves."""
    n = examples + 1000
    a, b = torch.randn(users, 3), torch.randn(items, 3)
    u, pair = torch.randint(users, (n,)), torch.randint(items, (n, 2))
    pair[:, 1] = (pair[:, 0] + 1 + pair[:, 1] % (items - 1)) % items
    z = torch.cdist(a, b)[u[:, None], pair] + 0.5 * torch.randn(n, 2)
    pair = pair.gather(1, z.argsort(1))
    model = nn.ModuleList([nn.Embedding(users, rank), nn.Embedding(items, rank)])
    for table in model:
        nn.init.normal_(table.weight, std=std)
    if twins:
        pair[700 : 700 + twins, 1] = pair[700 : 700 + twins, 0]

    def loss(model, u, p, q):
        p, q = model[1](p), model[1](q)
        near, far = (((model[0](u) - v) ** 2).sum(1) for v in (p, q))
        apart = ((p - q) ** 2).sum(1).add(root).sqrt()  # its slope is not finite at nought
        return F.softplus(near - far).mean() + 0.01 * apart.mean()

    train, held = cut((u, pair[:, 0], pair[:, 1]), examples)
    return Task(model, loss, train, held, train[0])


def ode(examples=2000, hidden=(32, 32), pull=4.0):
    """A net that obeys the equation of a damped swing, from the equation alone."""
    t = torch.rand(examples + 400, 1)

    def loss(model, t):
        u = lambda t: 1 + t**2 * model(t)  # begins at 1, at rest
        e = 0.02
        below, here, above = u(t - e), u(t), u(t + e)
        first, second = (above - below) / (2 * e), (above - 2 * here + below) / e**2
        return ((second + pull * first + 16 * here) ** 2).mean()

    train, held = cut((t,), examples)
    return Task(mlp(1, *hidden, 1, activation=nn.Tanh), loss, train, held, t[:examples, 0])


TASKS |= {
    f.__name__: f
    for f in [
        field, flow, waves, prices, clicks, skipgram, graph, tones, shapes, markov, remainders, cloning,
        survival, quantiles, distill, reviews, matching, ode,
    ]
}
