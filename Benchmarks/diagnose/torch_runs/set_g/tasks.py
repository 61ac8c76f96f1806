"""Set G: three small tasks of other data."""

import torch
from torch import nn
from torch.nn import functional as F

from ..tasks import TASKS, Task, classify, cut, mlp, squares


def tideline(examples=3000, hidden=(40, 40), dead=0.0, noise=0.2, far=0):
    """The height of the water at a place, from the time and the moon."""
    n = examples + 500
    x = torch.randn(n, 7)
    y = (torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + x[:, 3:4].cos()) + noise * torch.randn(n, 1)
    if far:
        x[700 : 700 + far] = float("nan")
    model = mlp(7, *hidden, 1)
    model[0].bias.data -= dead
    train, held = cut((x, y), examples)
    return Task(model, squares, train, held, x[:examples, 0])


def wines(examples=2500, hidden=(32,), dead=0.0, spread=1.2, far=0):
    """Which of six growers a wine comes from, by fourteen measurements."""
    n = examples + 500
    y = torch.randint(6, (n,))
    x = torch.randn(6, 14)[y] + spread * torch.randn(n, 14)
    if far:
        x[700 : 700 + far] = float("nan")
    model = mlp(14, *hidden, 6, activation=nn.ReLU)
    model[0].bias.data -= dead
    train, held = cut((x, y), examples)
    return Task(model, classify, train, held, y[:examples])


def orbits(examples=3000, hidden=(48,), dead=0.0, noise=0.1, far=0):
    """Sensor readings of a satellite pressed to four numbers and back."""
    n = examples + 500
    x = torch.tanh(torch.randn(n, 4) @ torch.randn(4, 20)) + noise * torch.randn(n, 20)
    y = x.clone()
    if far:
        x[700 : 700 + far] = float("nan")
    model = mlp(20, *hidden, 4, 20)
    model[0].bias.data -= dead
    train, held = cut((x, y), examples)
    return Task(model, squares, train, held, x[:examples, 0])


TASKS |= {f.__name__: f for f in [tideline, wines, orbits]}
