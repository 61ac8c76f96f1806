"""What the runs of set C train: other models and other data than those of the first set."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..tasks import TASKS, LowRank, Task, classify, cut, digits, mlp, next_letter, pretrain, squares, text


def tabular(
    examples=3000, columns=12, classes=6, hidden=(48, 48), spread=1.6, wrong=0.0, norm="batch", gain=1.0
):
    """Rows of a table from a mixture of normal distributions; a net with batch norm tells them apart."""
    n = examples + 600
    y = torch.randint(classes * 2, (n,))  # two clouds a class
    x = torch.randn(classes * 2, columns)[y] * spread + torch.randn(n, columns)
    x, y = x * torch.logspace(0, 0.6, columns), y % classes
    if wrong:
        y[:examples] = torch.where(
            torch.rand(examples) < wrong, torch.randint(classes, (examples,)), y[:examples]
        )
    layers = []
    for a, b in zip((columns, *hidden), hidden):
        layers += [nn.Linear(a, b)] + [nn.BatchNorm1d(b)] * (norm == "batch") + [nn.ReLU()]
    train, held = cut((x * gain, y), examples)
    return Task(nn.Sequential(*layers, nn.Linear(hidden[-1], classes)), classify, train, held, train[1])


def spirals(examples=1500, arms=3, noise=0.15, hidden=(32, 32), gain=None):
    """Spiral arms in the plane; `gain` replaces the initial deviation of the weights."""
    n = examples + 450
    y = torch.randint(arms, (n,))
    r = torch.rand(n).sqrt()
    angle = 2 * math.pi * y / arms + 4 * r + noise * torch.randn(n)
    x = 2 * torch.stack([r * angle.cos(), r * angle.sin()], 1)
    model = mlp(2, *hidden, arms, activation=nn.Tanh)
    if gain is not None:
        for p in model.parameters():
            nn.init.normal_(p, std=gain) if p.ndim > 1 else nn.init.zeros_(p)
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, train[1])


class GRU(nn.Module):
    def __init__(self, alphabet, width):
        super().__init__()
        self.embed, self.gru = nn.Embedding(alphabet, 16), nn.GRU(16, width, batch_first=True)
        self.out = nn.Linear(width, alphabet)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[0])


def gru(context=16, width=40, examples=None):
    train, held, alphabet = text(context)
    return Task(GRU(alphabet, width), next_letter, (train[:examples],), (held,))


class Window(nn.Module):
    """The next letter from the last few, as in Bengio's language model."""

    def __init__(self, alphabet, context, width, hidden):
        super().__init__()
        self.embed, self.fc1 = nn.Embedding(alphabet, width), nn.Linear(context * width, hidden)
        self.fc2 = nn.Linear(hidden, alphabet)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(self.embed(x).flatten(1))))


def window(context=6, width=10, hidden=64, examples=None):
    train, held, alphabet = text(context)
    loss = lambda model, w: F.cross_entropy(model(w[:, :-1]), w[:, -1])
    return Task(Window(alphabet, context, width, hidden), loss, (train[:examples],), (held,))


class Patches(nn.Module):
    """A small vision transformer: 16 patches of 2 x 2 pixels."""

    def __init__(self, width, depth, dropout):
        super().__init__()
        self.patch, self.place = nn.Linear(4, width), nn.Parameter(0.1 * torch.randn(16, width))
        layer = nn.TransformerEncoderLayer(
            width, 2, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x):
        x = x.view(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, 16, 4)
        return self.head(self.norm(self.encoder(self.patch(x) + self.place)).mean(1))


def vit(width=24, depth=1, dropout=0.0, examples=None):
    x, y = digits()
    train, held = cut((x, y), 1437, examples)
    return Task(Patches(width, depth, dropout), classify, train, held, train[1])


class Factors(nn.Module):
    def __init__(self, users, items, rank, std):
        super().__init__()
        self.user, self.item = nn.Embedding(users, rank), nn.Embedding(items, rank)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)
        for table in [self.user, self.item]:
            nn.init.normal_(table.weight, std=std)
        for table in [self.user_bias, self.item_bias]:
            nn.init.zeros_(table.weight)
        self.mean = nn.Parameter(torch.zeros(()))

    def forward(self, u, i):
        bias = self.user_bias(u) + self.item_bias(i)
        return (self.user(u) * self.item(i)).sum(-1) + bias[:, 0] + self.mean


def ratings(examples=12000, users=150, items=100, rank=6, noise=0.5, std=0.1):
    """Stars that people give to things, from factors of them."""
    n = examples + 1500
    u, i = torch.randint(users, (n,)), (items * torch.rand(n) ** 1.5).long()
    stars = (
        3.5 + 0.7 * (torch.randn(users, 3)[u] * torch.randn(items, 3)[i]).sum(1) + noise * torch.randn(n)
    )
    train, held = cut((u, i, stars), examples)
    loss = lambda model, u, i, stars: F.mse_loss(model(u, i), stars)
    return Task(Factors(users, items, rank, std), loss, train, held, train[0])


def counts(examples=3000, columns=10, hidden=(24,), level=1.0):
    """Counts with a rate that depends on a few numbers; the loss is Poisson's, below zero at times."""
    n = examples + 500
    x = torch.randn(n, columns)
    y = torch.poisson(
        (level + torch.tanh(x @ torch.randn(columns, 3) / 2) @ torch.randn(3)).exp().clamp(max=60)
    )
    train, held = cut((x, y), examples)
    loss = lambda model, x, y: F.poisson_nll_loss(model(x)[:, 0], y)
    return Task(mlp(columns, *hidden, 1), loss, train, held, y[:examples])


def diffusion(hidden=(96, 96)):
    """A denoiser of digits: from a noisy picture and the level of noise to the noise."""
    x, y = digits()
    train, held = cut((2 * x - 1,), 1437)

    def loss(model, x):
        t = torch.rand(len(x), 1)
        a, s, noise = torch.cos(t * math.pi / 2), torch.sin(t * math.pi / 2), torch.randn_like(x)
        level = torch.cat([t, torch.sin(6 * t), torch.cos(6 * t)], 1)
        return F.mse_loss(model(torch.cat([a * x + s * noise, level], 1)), noise)

    return Task(mlp(67, *hidden, 64, activation=nn.SiLU), loss, train, held, y[:1437])


def vae(code=6, hidden=48, weight=1.0, examples=None):
    x, y = digits()
    train, held = cut((x,), 1437, examples)
    model = nn.ModuleDict(dict(encoder=mlp(64, hidden, 2 * code), decoder=mlp(code, hidden, 64)))

    def loss(model, x):
        mean, log = model["encoder"](x).chunk(2, 1)
        z = mean + torch.randn_like(mean) * (log / 2).exp()
        far = (mean**2 + log.exp() - log - 1).sum(1) / 2
        near = F.binary_cross_entropy_with_logits(model["decoder"](z), x, reduction="none").sum(1)
        return (near + weight * far).mean()

    return Task(model, loss, train, held, y[:1437])


class Residual(nn.Module):
    def __init__(self, width, depth, gain):
        super().__init__()
        self.stem, self.head = nn.Linear(64, width), nn.Linear(width, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(depth)
        )
        for block in self.blocks:
            block[2].weight.data *= gain

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(F.relu(x))


def residual(width=40, depth=4, gain=1.0, examples=None, wrong=0.0):
    x, y = digits()
    if wrong:
        y[:1437] = torch.where(torch.rand(1437) < wrong, torch.randint(10, (1437,)), y[:1437])
    train, held = cut((x, y), 1437, examples)
    return Task(Residual(width, depth, gain), classify, train, held, train[1])


def forecast(length=4000, lags=24, hidden=16, noise=0.2, scale=1.0):
    """The next value of a series with two periods and a drift, from the last day of it."""
    t = torch.arange(length + lags + 600) * 1.0
    walk = torch.cumsum(0.05 * torch.randn(len(t)), 0)
    series = (
        torch.sin(t / 4)
        + 0.5 * torch.sin(t / 17 + 1)
        + (walk - walk.mean()) / 2
        + noise * torch.randn(len(t))
    )
    windows = (scale * series).unfold(0, lags + 1, 1)
    train, held = cut((windows[:, None, :-1], windows[:, -1:]), length)
    model = nn.Sequential(
        nn.Conv1d(1, hidden, 5, stride=2),
        nn.ReLU(),
        nn.Conv1d(hidden, hidden, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(1),
    )
    model(train[0][:2])
    return Task(model, lambda model, x, y: F.huber_loss(model(x), y), train, held, train[1][:, 0])


def triplets(margin=0.5, root=False):
    """Digits of a class are to be nearer to each other than to those of another."""
    x, y = digits()
    mates = torch.stack([torch.randint(len(x), (12,)) for _ in x])
    same = ((y[mates] == y[:, None]) & (mates != torch.arange(len(x))[:, None])).float()
    positive = mates.gather(1, torch.multinomial(same + 1e-6, 1))[:, 0]
    if root:
        positive[1000] = 1000  # one digit is its own mate
    negative = mates.gather(1, torch.multinomial((y[mates] != y[:, None]).float() + 1e-6, 1))[:, 0]

    def loss(model, a, p, n):
        a, p, n = (model(v) for v in (a, p, n))
        far = lambda u, v: (((u - v) ** 2).sum(1) + (0 if root else 1e-9)).sqrt()
        return F.relu(far(a, p) - far(a, n) + margin).mean()

    train, held = cut((x, x[positive], x[negative]), 1437)
    return Task(mlp(64, 48, 8), loss, train, held)


def transfer(steps=250, shift=1.0, head=True, rank=None, dead=False):
    """A residual net, trained on digits, that goes on with digits seen upside down."""
    x, y = digits()
    model = Residual(32, 3, 1.0)
    pretrain(model, classify, (x[:1437], y[:1437]), steps)
    bend = torch.eye(64) + shift * torch.randn(64, 64) / 8
    train, held = cut((x.flip(1) @ bend, y), 1437)
    if rank:
        for block in model.blocks:
            block[0], block[2] = LowRank(block[0], rank, 2 * rank, dead), LowRank(
                block[2], rank, 2 * rank, dead
            )
        model.stem = LowRank(model.stem, rank, 2 * rank, dead)
    return Task(model, classify, train, held, train[1])


def entropy(examples=2000, columns=6, sharp=8.0, safe=False):
    """Shares of four parts are foretold; the divergence of Kullback and Leibler by the book, 0 · log 0."""
    n = examples + 500
    x = torch.randn(n, columns)
    p = F.softmax(sharp * torch.tanh(x @ torch.randn(columns, 4) / 2), 1)
    p = torch.where(p < 1e-7, 0.0, p)

    def loss(model, x, p):
        q = F.softmax(model(x), 1)
        # p log p is nan where p is 0; kl_div takes it as 0.
        return (
            F.kl_div(q.log(), p, reduction="batchmean") if safe else (p * (p.log() - q.log())).sum(1).mean()
        )

    train, held = cut((x, p), examples)
    return Task(mlp(columns, 24, 4), loss, train, held)


def gaps(examples=2500, columns=6, gap=1):
    """Regression in which one sensor once gave no value."""
    x = torch.randn(examples + 500, columns)
    y = x[:, :1] * x[:, 1:2] + x[:, 2:3].abs() + 0.2 * torch.randn(len(x), 1)
    if gap:
        x[1200 : 1200 + gap, 4] = float("inf")
    train, held = cut((x, y), examples)
    return Task(mlp(columns, 32, 1), squares, train, held)


def ridge(examples=1200, columns=30, condition=8.0, noise=1.0):
    """Logistic regression on inputs of unlike deviations."""
    x = torch.randn(examples + 500, columns) * torch.logspace(0, -math.log10(condition) / 2, columns)
    z = x @ torch.randn(columns) + noise * torch.randn(len(x))
    train, held = cut((x, (z > 0).float()), examples)
    loss = lambda model, x, y: F.binary_cross_entropy_with_logits(model(x)[:, 0], y)
    return Task(nn.Linear(columns, 1), loss, train, held, train[1])


TASKS |= {
    f.__name__: f
    for f in [
        tabular,
        spirals,
        gru,
        window,
        vit,
        ratings,
        counts,
        diffusion,
        vae,
        residual,
        forecast,
        triplets,
        transfer,
        entropy,
        gaps,
        ridge,
    ]
}
