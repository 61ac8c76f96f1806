"""What is trained: small models and their data, all of it made here or shipped with the package."""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

RESOURCES = Path(__file__).resolve().parents[3] / "Sources/DescentTraining/Resources"


class Task:
    """A model, what it loses on a batch, and the examples to train on and to hold out."""

    def __init__(self, model, loss, train, held, label=None):
        self.model, self.loss, self.train, self.held = model, loss, train, held
        self.label = label  # of each training example, for data that is sorted by it
        self.trainable = list(model.named_parameters())

    def batch(self, index):
        return tuple(part[index] for part in self.train)

    @torch.no_grad()
    def mean(self, data, most=1024):
        """The mean loss over data, without dropout."""
        self.model.eval()
        torch.manual_seed(1)  # of augmentations
        size = min(len(data[0]), most)
        parts = [
            float(self.loss(self.model, *(part[at : min(at + 256, size)] for part in data)))
            * (min(at + 256, size) - at)
            for at in range(0, size, 256)
        ]
        self.model.train()
        return sum(parts) / size


def digits():
    """8 x 8 pixels of 0 to 1 and their class, in an order that seed 0 fixes."""
    lines = (RESOURCES / "digits/digits.csv").read_text().split("\n")
    rows = [[float(cell) for cell in line.split(",")] for line in lines if line and line[0].isdigit()]
    table = torch.tensor(rows)
    table = table[torch.randperm(len(table), generator=torch.Generator().manual_seed(0))]
    return table[:, :64] / 16, table[:, 64].long()


def text(context):
    """Windows of the shipped stories as numbers of characters, the last tenth held out."""
    letters = (RESOURCES / "text/stories.txt").read_text()
    alphabet = sorted(set(letters))
    codes = torch.tensor([alphabet.index(letter) for letter in letters])
    windows = codes[: len(codes) // (context + 1) * (context + 1)].view(-1, context + 1)
    cut = len(windows) * 9 // 10
    return windows[:cut], windows[cut:], len(alphabet)


def mlp(*sizes, activation=nn.ReLU, dropout=0.0, norm=False):
    layers = []
    for n, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(a, b))
        if n < len(sizes) - 2:
            layers += [nn.LayerNorm(b)] * norm + [activation()] + [nn.Dropout(dropout)] * (dropout > 0)
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, width, heads, dropout, pre):
        super().__init__()
        self.heads, self.pre, self.dropout = heads, pre, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, c))

    def forward(self, x):
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        feed = lambda y: self.down(F.gelu(self.up(y)))
        if self.pre:
            x = x + drop(self.attend(self.norm1(x)))
            return x + drop(feed(self.norm2(x)))
        x = self.norm1(x + drop(self.attend(x)))
        return self.norm2(x + drop(feed(x)))


class GPT(nn.Module):
    def __init__(self, alphabet, context, width=32, layers=2, heads=2, dropout=0.0, pre=True):
        super().__init__()
        self.token, self.place = nn.Embedding(alphabet, width), nn.Embedding(context, width)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.place.weight, std=0.1)
        self.blocks = nn.ModuleList([Block(width, heads, dropout, pre) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, alphabet)

    def forward(self, x):
        h = self.token(x) + self.place.weight[: x.shape[1]]
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


class LSTM(nn.Module):
    def __init__(self, alphabet, width=48):
        super().__init__()
        self.token, self.lstm = nn.Embedding(alphabet, 24), nn.LSTM(24, width, batch_first=True)
        self.head = nn.Linear(width, alphabet)

    def forward(self, x):
        return self.head(self.lstm(self.token(x))[0])


class LowRank(nn.Module):
    """A linear layer that stays as it is, and a product of rank r that is trained beside it."""

    def __init__(self, base, rank=4, alpha=8, dead=False):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        if dead:
            nn.init.zeros_(self.a)

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


def next_letter(model, windows):
    return F.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def classify(model, x, y):
    return F.cross_entropy(model(x), y)


def squares(model, x, y):
    return F.mse_loss(model(x), y)


def cut(parts, at, examples=None):
    return tuple(p[: examples or at] for p in parts), tuple(p[at:] for p in parts)


def pretrain(model, loss, data, steps, lr=2e-3, batch=32):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        index = torch.randint(len(data[0]), (batch,))
        optimizer.zero_grad()
        loss(model, *(part[index] for part in data)).backward()
        optimizer.step()


def digits_mlp(examples=None, hidden=(64,), input_scale=1.0, noise=0.0, reduction="mean", zero=False, **rest):
    x, y = digits()
    x = x * input_scale
    if noise:  # a share of the labels is wrong, in the training set alone
        wrong = torch.rand(1437) < noise
        y = torch.cat([torch.where(wrong, torch.randint(10, (1437,)), y[:1437]), y[1437:]])
    train, held = cut((x, y), 1437, examples)
    loss = lambda model, x, y: F.cross_entropy(model(x), y, reduction=reduction)
    model = mlp(64, *hidden, 10, **rest)
    if zero:
        for layer in model[:-1]:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=zero)
                nn.init.zeros_(layer.bias)
    return Task(model, loss, train, held, train[1])


def digits_cnn(examples=None, dropout=0.0, width=6):
    x, y = digits()
    train, held = cut((x.view(-1, 1, 8, 8), y), 1437, examples)
    model = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(32 * width, 10),
    )
    return Task(model, classify, train, held, train[1])


def gpt(context=24, examples=None, **rest):
    train, held, alphabet = text(context)
    return Task(GPT(alphabet, context, **rest), next_letter, (train[:examples],), (held,))


def lstm(context=24, examples=None, width=48):
    train, held, alphabet = text(context)
    return Task(LSTM(alphabet, width), next_letter, (train[:examples],), (held,))


def regression(examples=4000, inputs=8, noise=0.1, hidden=(32,), scale=1.0, activation=nn.Tanh, net=True):
    """A smooth function of a few numbers, with noise on what is to be foretold."""
    x = torch.randn(examples + 500, inputs)
    w, v = torch.randn(inputs, 6) / math.sqrt(inputs), torch.randn(6)
    y = (torch.sin(2 * x @ w) @ v + noise * torch.randn(examples + 500))[:, None] * scale
    model = mlp(inputs, *hidden, 1, activation=activation) if net else nn.Linear(inputs, 1)
    train, held = cut((x, y), examples)
    return Task(model, squares, train, held, y[:examples, 0])


def likelihood(examples=4000, inputs=8, noise=0.03):
    """The same, where the model also says how sure it is: a loss that goes below zero."""
    task = regression(examples=examples, inputs=inputs, noise=noise, scale=0.3)

    def loss(model, x, y):
        mean, spread = model(x).split(1, dim=1)
        return F.gaussian_nll_loss(mean, y, F.softplus(spread) + 1e-4)

    return Task(mlp(inputs, 64, 2, activation=nn.SiLU), loss, task.train, task.held)


def linear(examples=2000, inputs=20, condition=10.0, noise=0.3):
    """Linear regression; the inputs' variances span `condition`."""
    spread = torch.logspace(0, -math.log10(condition) / 2, inputs)
    x = torch.randn(examples + 500, inputs) * spread
    w = torch.randn(inputs)
    y = (x @ w + noise * torch.randn(examples + 500))[:, None]
    train, held = cut((x, y), examples)
    return Task(nn.Linear(inputs, 1), squares, train, held, y[:examples, 0])


def autoencoder(bottleneck=12, hidden=48, examples=None):
    x, y = digits()
    train, held = cut((x, y), 1437, examples)
    model = mlp(64, hidden, bottleneck, hidden, 64, activation=nn.GELU)
    return Task(model, lambda model, x, y: F.mse_loss(model(x), x), train, held, train[1])


def moons(examples=2000, spread=0.15, hidden=(16, 16), naive=False, far=1.0):
    """Two half circles, told apart; `naive` takes the logarithm of a sigmoid as it is."""
    n = examples + 500
    angle, side = math.pi * torch.rand(n), torch.randint(2, (n,)).float()
    x = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    x = torch.where(side[:, None] > 0, torch.stack([1 - x[:, 0], 0.5 - x[:, 1]], 1), x)
    x = far * (x + spread * torch.randn(n, 2))

    def loss(model, x, y):
        z = model(x)[:, 0]
        if naive:
            p = torch.sigmoid(z)
            return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()
        return F.binary_cross_entropy_with_logits(z, y)

    train, held = cut((x, side), examples)
    return Task(mlp(2, *hidden, 1), loss, train, held, train[1])


def sparse(examples=4000, words=2000, length=12, hidden=16):
    """Bags of words whose class a few of the words give away."""
    n = examples + 500
    x = (words * torch.rand(n, length) ** 2).long()
    y = (torch.randn(words, 5)[x].sum(1) + 0.5 * torch.randn(n, 5)).argmax(1)
    model = nn.Sequential(nn.EmbeddingBag(words, hidden), nn.Linear(hidden, 5))
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, y[:examples])


def contrastive(temperature=0.2, noise=0.2):
    """Two noisy views of a digit are to find each other among those of a batch."""
    x, y = digits()
    train, held = cut((x, y), 1437)

    def loss(model, x, y):
        a, b = (F.normalize(model(x + noise * torch.randn_like(x)), dim=1) for _ in range(2))
        return F.cross_entropy(a @ b.T / temperature, torch.arange(len(x)))

    return Task(mlp(64, 64, 16), loss, train, held, train[1])


def pairs(eps=0.0, twins=0):
    """Distances between two digits, small within a class; `twins` pairs are one digit twice."""
    x, y = digits()
    other = torch.randint(len(x), (len(x),))
    if twins:
        other[300 : 300 + twins] = torch.arange(300, 300 + twins)
    same = (y == y[other]).float()

    def loss(model, a, b, same):
        distance = ((model(a) - model(b)) ** 2).sum(1).add(eps).sqrt()
        return (same * distance**2 + (1 - same) * F.relu(2 - distance) ** 2).mean()

    train, held = cut((x, x[other], same), 1437)
    return Task(mlp(64, 32, 8), loss, train, held)


def normalized(eps=0.0, empty=0):
    """Digits of which each is brought to unit deviation; `empty` of them are blank pictures."""
    x, y = digits()
    if empty:
        x[700 : 700 + empty] = 0
    train, held = cut((x, y), 1437)

    def loss(model, x, y):
        return F.cross_entropy(model((x - x.mean(1, True)) / (x.std(1, keepdim=True) + eps)), y)

    return Task(mlp(64, 48, 10), loss, train, held)


def missing(examples=3000, missing=1):
    """Regression on a table in which a value is missing."""
    task = regression(examples=examples)
    if missing:
        task.train[0][:missing, 3] = float("nan")
    return task


def finetune(steps=400, shift=0.3, hidden=(64,), **rest):
    """A classifier of digits that goes on with digits seen in another light."""
    x, y = digits()
    model = mlp(64, *hidden, 10, **rest)
    pretrain(model, classify, (x[:1437], y[:1437]), steps)
    bend = torch.eye(64) + shift * torch.randn(64, 64) / 8
    train, held = cut((x @ bend, y), 1437)
    return Task(model, classify, train, held, train[1])


def lora_mlp(rank=4, alpha=8, shift=1.0, dead=False):
    """The same, where only products of low rank are trained."""
    task = finetune(shift=shift, hidden=(64, 64))
    model = nn.Sequential(*(
        LowRank(layer, rank, alpha, dead) if isinstance(layer, nn.Linear) else layer
        for layer in task.model
    ))
    return Task(model, task.loss, task.train, task.held, task.label)


def lora_gpt(rank=4, alpha=8, steps=300, context=24):
    """A small GPT, trained on the first half of the stories; its low-rank products learn the second."""
    train, held, alphabet = text(context)
    model = GPT(alphabet, context)
    half = len(train) // 2
    pretrain(model, next_letter, (train[:half].flip(1),), steps, batch=8)  # read backwards
    model.requires_grad_(False)
    for block in model.blocks:
        for name in ["qkv", "out", "up", "down"]:
            setattr(block, name, LowRank(getattr(block, name), rank, alpha))
    return Task(model, next_letter, (train[half:],), (held,))


TASKS = {
    f.__name__: f
    for f in [
        digits_mlp, digits_cnn, gpt, lstm, regression, likelihood, linear, autoencoder, moons, sparse,
        contrastive, pairs, normalized, missing, finetune, lora_mlp, lora_gpt,
    ]
}
