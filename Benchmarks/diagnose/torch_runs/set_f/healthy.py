"""Set F: runs that have no fault."""

from ..cases import MOMENTUM, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def healthy():
    rates = dict(crops=0.008, arm=0.02, melody=0.015, tides=0.01)
    logs = [csv("gnorm", 1), board("grouped", 5), state(10), csv("camel", 10), csv("updates", 5)]
    n = 0
    for task, lr in rates.items():
        for word, steps, more in [
            ("cosine", 700, dict(schedule="cosine", **ADAM, evaluate=100)),
            ("linear", 600, dict(schedule="linear", warmup=30, evaluate=100)),
            ("wsd", 800, dict(schedule="wsd", warmup=40, **ADAM)),
            ("one-cycle", 500, dict(schedule="one-cycle", lr=2 * lr)),
            ("nadam", 600, dict(schedule="square", optimizer="nadam")),
            ("momentum", 900, dict(schedule="cosine", lr=6 * lr, **MOMENTUM)),
            ("drops", 700, dict(schedule="steps", batch=64)),
            ("radam", 600, dict(schedule="linear", optimizer="radam", batch=48)),
        ]:
            add("healthy", f"{task}-{word}", logs[n % 5], of(task, steps, lr, batch=32) | more)
            n += 1
