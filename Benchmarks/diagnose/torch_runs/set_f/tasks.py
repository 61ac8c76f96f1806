"""What the runs of set F train: small models and data made here, other than those of the sets before."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..tasks import TASKS, Task, classify, cut, mlp, squares


def lowered(model, dead):
    model[0].bias.data -= dead
    return model


def crops(examples=4000, columns=12, classes=7, hidden=(40,), wrong=0.0, dead=0.0, noise=1.2):
    """The crop of a field from its soil, in correlated columns."""
    n = examples + 600
    y = torch.randint(classes, (n,))
    x = (torch.randn(classes, columns)[y] + noise * torch.randn(n, columns)) @ torch.randn(columns, columns) / 3
    if wrong:
        y[:examples] = torch.where(torch.rand(examples) < wrong, torch.randint(classes, (examples,)), y[:examples])
    train, held = cut((x, y), examples)
    return Task(lowered(mlp(columns, *hidden, classes), dead), classify, train, held, train[1])


def arm(examples=4000, links=3, hidden=(48, 48), dead=0.0, noise=0.1, unit=1.0):
    """Where the hand of an arm with some links is, from its angles."""
    n = examples + 500
    a = (2 * torch.rand(n, links) - 1) * math.pi * 0.6
    s = a.cumsum(1)
    y = unit * (torch.stack([s.cos().sum(1), s.sin().sum(1)], 1) + noise * torch.randn(n, 2))
    train, held = cut((a, y), examples)
    return Task(lowered(mlp(links, *hidden, 2), dead), squares, train, held, train[0][:, 0])


def melody(examples=6000, notes=12, back=3, hidden=64, width=8, sharp=2.0):
    """The next note from the three before."""
    n = examples + 800
    x = torch.randint(notes, (n, back))
    z = sharp * (torch.randn(notes, notes)[x[:, -1]] + torch.randn(notes, notes)[x[:, -2]])
    y = torch.multinomial(F.softmax(z, 1), 1)[:, 0]
    model = nn.Sequential(
        nn.Embedding(notes, width), nn.Flatten(), nn.Linear(back * width, hidden), nn.ReLU(), nn.Linear(hidden, notes)
    )
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, train[1])


def tides(examples=4000, length=16, hidden=(40,), noise=0.15, unit=1.0, dead=0.0):
    """The next height of a tide of two periods."""
    n = examples + 500
    t = 100 * torch.rand(n, 1) + torch.arange(length + 1)
    x = unit * (torch.sin(t / 2) + 0.5 * torch.sin(t / 3.1 + 1) + noise * torch.randn(n, length + 1))
    train, held = cut((x[:, :-1], x[:, -1:]), examples)
    return Task(lowered(mlp(length, *hidden, 1), dead), squares, train, held, train[1][:, 0])


TASKS |= {f.__name__: f for f in [crops, arm, melody, tides]}
