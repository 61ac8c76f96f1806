"""Set F: three runs of each fault."""

from . import tasks  # noqa: F401
from ..cases import MOMENTUM, add, board, csv, of, state

ADAM = dict(optimizer="adam")
LOGS = [csv("notebook", 5), board("charts", 5), state(5)]
SHORT = dict(crops=(0.01, 400), arm=(0.01, 500), melody=(0.01, 500), tides=(0.01, 400))


def logs(**names):
    tags = {key: "train/" + name for key, name in names.items()}
    extra = [key for key in names if key == "d"]
    return [csv("notebook", 5, extra=extra), board("charts", 5, extra=extra, names=tags), state(5, extra=extra)]


def three(kind, word, tasks, change, mend, mended, judge="held", logs=LOGS):
    """One run of each of three tasks, in one format each; `change` and `mend` may depend on the task."""
    for task, log in zip(tasks, logs):
        lr, steps = SHORT[task]
        run = of(task, steps, lr, batch=32) | ADAM | (change(task) if callable(change) else change)
        add(kind, f"{task}-{word}", log, run, mend(task) if callable(mend) else mend, mended, judge)


def faults():
    a, b, c = ["crops", "arm", "melody"], ["melody", "tides", "crops"], ["tides", "melody", "arm"]
    each = [(log[0], log[1], 1, log[3]) for log in LOGS]
    three("lr_too_high", "overshot", a, dict(lr=0.3), dict(lr=0.01), "a rate of 0.01")
    three(
        "diverged", "exploded", b, dict(lr=0.03, schedule="raised", raised=1000.0, **MOMENTUM),
        dict(schedule="constant"), "the rate left as it was", "train",
    )
    three("lr_too_low", "slow", c, dict(lr=2e-5), dict(lr=0.01), "a rate of 0.01")
    three(
        "warmup_too_short", "unwarmed", a, dict(lr=0.12, schedule="cosine"), dict(warmup=100),
        "a warm-up of 100 steps", logs=each,
    )
    three(
        "clip_too_tight", "choked", b, dict(lr=0.05, clip=0.01, **MOMENTUM), dict(clip=1.0), "a threshold of 1",
        logs=logs(clip_norm="clip_norm", clipped="clipped"),
    )
    three(
        "clip_idle", "unclipped", a, dict(clip=200.0, schedule="cosine"), dict(clip=None), "no clipping",
        logs=logs(clip_norm="clip_norm", clipped="clipped"),
    )
    three(
        "loss_spikes", "jolted", ["tides", "crops", "arm"],
        lambda t: dict(bad=dict(every=67, first=134, kind="inputs", scale=25.0)), dict(bad=None),
        "no broken batches", logs=each,
    )
    three(
        "plateau", "asleep", ["crops", "tides", "arm"],
        lambda t: dict(data=dict(dead=60.0), lr=1e-3), dict(data={}, lr=0.01),
        "biases that begin at nought", "train",
    )
    few = [csv("notebook", 10), board("grouped", 10), state(10)]
    three(
        "overfitting", "few", ["crops", "melody", "tides"],
        lambda t: dict(data=dict(examples=160), evaluate=20, steps=600, lr=5e-3), dict(data={}), "all of the data",
        logs=few,
    )
    half = lambda scale, growth=2000: dict(scale=scale, growth=growth, dynamic=True)
    three(
        "fp16_overflow", "overflown", b,
        dict(steps=240, lr=1e-3, precision="float16", scaler=half(2.0**22, 2)), dict(scaler=half(1024.0)),
        "a scale that grows every 2,000 steps", "train", logs(loss_scale="loss_scale", skipped="skipped"),
    )
    three(
        "nan", "poisoned", ["arm", "crops", "tides"],
        dict(bad=dict(at=[237], kind="inputs", scale=float("inf"))), dict(bad=None), "no infinite inputs",
    )
    three(
        "updates_lost", "rounded", a, dict(lr=1e-4, precision="bfloat16"), dict(precision="float32", lost=True),
        "weights in float32", "train", logs(lost_share="lost_share"),
    )
    prodigy = dict(lr=1.0, optimizer="prodigy")
    three(
        "d_stuck", "held-d", b, prodigy | dict(settings=dict(d0=1e-7, growth_rate=1.0)), dict(settings={}),
        "d free to grow", "train", logs(d="d"),
    )
    three(
        "d_still_rising", "growing-d", c, prodigy | dict(settings=dict(growth_rate=1.012)), dict(settings={}),
        "d free to grow", "train", logs(d="d"),
    )
    three(
        "tensors_not_moving", "left-out", ["crops", "melody", "tides"],
        lambda t: dict(frozen=["2.weight" if t == "melody" else "0.weight"], ratios=["weight"]), dict(frozen=[]),
        "every tensor given to the optimizer", "train",
    )
    three(
        "schedule_ended_early", "ended-early", ["tides", "arm", "melody"],
        dict(lr=2e-3, schedule="cosine", horizon=130), dict(horizon=None), "a schedule of all steps",
    )
    three(
        "schedule_cut_off", "cut-short", ["arm", "crops", "tides"],
        dict(lr=0.04, steps=600, schedule="linear", horizon=1500, batch=16), dict(horizon=None),
        "a schedule of 600 steps",
    )
    three(
        "resume_jump", "restarted", ["arm", "tides", "crops"],
        dict(lr=0.03, batch=128, schedule="cosine", forget=dict(at=300, what="state and schedule")),
        dict(forget=None), "Adam's state and the schedule kept",
    )
    three(
        "epoch_sawtooth", "sorted", ["arm", "tides", "crops"],
        dict(order="sorted", batch=40, steps=600, data=dict(examples=2000)), dict(order="shuffled"), "shuffled data",
    )
    for task, log in zip(c, LOGS):
        add("lr_not_logged", f"{task}-free", log, of(task, 500, 1.0, batch=32, optimizer="prodigy"))
