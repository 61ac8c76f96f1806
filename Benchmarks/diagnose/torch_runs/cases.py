"""What a labelled run is: what is trained, what is wrong with it, what mends it, and how it is logged.

`judge` says by what a run and its mended twin are compared: the final loss on the held-out data or on
the training data (`train`).
"""

from dataclasses import dataclass


@dataclass
class Case:
    label: str
    name: str
    run: dict
    mend: dict  # what the twin has in place of settings of the run
    log: tuple
    judge: str = "held"
    mended: str = ""  # what the twin has otherwise, in words


CASES = []


def add(label, name, log, run, mend=None, mended="", judge="held"):
    CASES.append(Case(label, name, run, mend or {}, log, judge, mended))


def csv(style, every=1, **more):
    return ("csv", style, every, more)


def board(style, every=1, **more):
    return ("tensorboard", style, every, more)


def state(every=10, **more):
    return ("trainer_state", "", every, more)


def of(task, steps, lr, /, **rest):
    data = rest.pop("data", {})
    return dict(task=task, steps=steps, lr=lr, data=data) | rest


SGD = dict(optimizer="sgd")
MOMENTUM = dict(optimizer="sgd", settings=dict(momentum=0.9))
PRODIGY = dict(optimizer="prodigy")
