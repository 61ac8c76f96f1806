"""Set E: faults of clipping, of the data, of the model, of number formats, of a resume."""

from ..cases import MOMENTUM, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def scaler(scale, growth=2000, dynamic=True):
    return dict(scale=scale, growth=growth, dynamic=dynamic)


def other_faults():
    k = "clip_too_tight"
    add(
        k,
        "sensors-tight",
        csv("notebook", 5, clip_name="clip"),
        of("sensors", 500, 0.05, batch=32, clip=0.02, **MOMENTUM),
        dict(clip=2.0),
        "a threshold of 2",
    )
    add(
        k,
        "friedman-tight",
        board("charts", 5, names=dict(clip_norm="charts/max_grad_norm")),
        of("friedman", 700, 3e-3, batch=32, clip=0.5, schedule="cosine", **MOMENTUM),
        dict(clip=50.0),
        "a threshold of 50",
    )
    add(
        k,
        "grammar-tight",
        state(5),
        of("grammar", 450, 0.1, batch=32, clip=0.01, warmup=20, schedule="linear", **MOMENTUM),
        dict(clip=1.0),
        "a threshold of 1",
    )

    k = "clip_idle"
    add(
        k,
        "tags-idle",
        csv("gnorm", 5, clip_name="clip_grad"),
        of("tags", 600, 0.01, batch=32, schedule="cosine", clip=25.0),
        dict(clip=None),
        "no clipping",
    )
    add(
        k,
        "glyphs-idle",
        board("train upper", 4, names=dict(clip_norm="Train/ClipNorm")),
        of("glyphs", 360, 0.015, batch=32, schedule="linear", warmup=20, clip=100.0),
        dict(clip=None),
        "no clipping",
    )
    add(
        k,
        "sensors-idle",
        state(10),
        of("sensors", 500, 0.015, batch=32, schedule="linear", clip=60.0, evaluate=78),
        dict(clip=None),
        "no clipping",
    )

    k = "loss_spikes"
    add(
        k,
        "friedman-spoilt",
        csv("notebook", 1),
        of(
            "friedman",
            600,
            0.02,
            batch=32,
            **ADAM,
            schedule="linear",
            floor=0.2,
            bad=dict(at=[151, 239, 310, 402, 497, 571], kind="targets", scale=10.0),
        ),
        dict(bad=None),
        "no broken batches",
    )
    add(
        k,
        "sensors-shifted",
        state(1),
        of("sensors", 500, 0.01, batch=32, **ADAM, bad=dict(every=53, first=106, kind="inputs", scale=30.0)),
        dict(bad=None),
        "no broken batches",
    )
    add(
        k,
        "spectra-jolts",
        board("charts", 2),
        of(
            "spectra",
            620,
            4e-3,
            batch=32,
            **ADAM,
            bad=dict(at=[140, 222, 318, 404, 512, 600], kind="targets", scale=6.0),
        ),
        dict(bad=None),
        "no broken batches",
    )

    k = "plateau"
    add(
        k,
        "completion-nought",
        csv("notebook", 10),
        of("completion", 900, 0.05, batch=64, **SGD, data=dict(std=1e-4), evaluate=140),
        dict(data=dict(std=0.3), lr=0.1, optimizer="adam"),
        "larger factors at first, and Adam",
        "train",
    )
    add(
        k,
        "sensors-dead",
        board("train upper", 4),
        of("sensors", 500, 0.05, batch=32, **MOMENTUM, data=dict(dead=30.0), evaluate=78),
        dict(data={}),
        "biases that begin at nought",
        "train",
    )
    add(
        k,
        "adding-forgetful",
        state(5),
        of("adding", 450, 5e-3, batch=32, data=dict(length=30, cell="RNN"), schedule="linear"),
        dict(data=dict(length=30), lr=0.02),
        "gates in the net",
        "train",
    )

    k = "overfitting"
    add(
        k,
        "sensors-few",
        csv("fastai lr", 10, mean=True),
        of("sensors", 10 * 60, 5e-3, batch=30, data=dict(examples=300, wrong=0.15), evaluate=10),
        dict(data={}),
        "2,500 examples, not 300",
    )
    add(
        k,
        "glyphs-few",
        board("grouped", 5),
        of("glyphs", 450, 5e-3, batch=32, **ADAM, data=dict(examples=260), evaluate=24),
        dict(data={}),
        "1,500 examples, not 260",
    )
    add(
        k,
        "grammar-few",
        state(10),
        of("grammar", 450, 6e-3, batch=32, data=dict(examples=130, width=32), evaluate=25, schedule="linear"),
        dict(data=dict(width=32)),
        "all of the text",
    )

    k = "fp16_overflow"
    add(
        k,
        "friedman-fixed",
        board("charts", 2, names=dict(loss_scale="charts/loss_scale", skipped="charts/overflow")),
        of("friedman", 400, 3e-3, batch=32, precision="float16", scaler=scaler(2.0**16, dynamic=False)),
        dict(scaler=scaler(16.0, dynamic=False)),
        "a scale of 16",
        "train",
    )
    add(
        k,
        "spectra-growing",
        csv("gnorm", 2, names=dict(loss_scale="grad_scale", skipped="found_inf")),
        of("spectra", 240, 5e-4, batch=32, precision="float16", scaler=scaler(2.0**20, 2)),
        dict(scaler=scaler(4096.0)),
        "a scale that grows every 2,000 steps",
        "train",
    )
    add(
        k,
        "tags-growing",
        state(5),
        of("tags", 280, 1e-3, batch=32, precision="float16", scaler=scaler(2.0**20, 2)),
        dict(scaler=scaler(4096.0)),
        "a scale that grows every 2,000 steps",
        "train",
    )

    k = "nan"
    add(
        k,
        "bags-empty",
        csv("notebook", 2),
        of("bags", 400, 5e-3, batch=10, data=dict(empty=1)),
        dict(data={}),
        "the empty bag left out",
    )
    add(
        k,
        "mixture-far",
        board("batch", 5),
        of("mixture", 500, 4e-3, batch=12, data=dict(far=1, safe=False), evaluate=125),
        dict(data={}),
        "the sum of logarithms",
    )
    add(
        k,
        "captions-blank",
        state(5),
        of("captions", 500, 3e-3, batch=12, data=dict(blank=1, eps=0.0), evaluate=125, seed=5),
        dict(data=dict(eps=1e-6)),
        "1e-6 below the length",
    )

    k = "updates_lost"
    add(
        k,
        "sensors-bfloat16",
        csv("notebook", 4),
        of("sensors", 500, 2e-4, batch=32, precision="bfloat16", **ADAM),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )
    add(
        k,
        "grammar-bfloat16",
        board("charts", 5, names=dict(lost_share="charts/lost_updates")),
        of("grammar", 500, 2e-4, batch=32, precision="bfloat16", schedule="linear", warmup=10),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )
    add(
        k,
        "friedman-bfloat16",
        csv("avg", 10, mean=True),
        of("friedman", 900, 3e-4, batch=32, precision="bfloat16", schedule="cosine", **ADAM),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )

    k = "tensors_not_moving"
    add(
        k,
        "sensors-forgotten",
        csv("notebook", 5),
        of("sensors", 450, 0.01, batch=32, frozen=["0."], ratios=["weight"], data=dict(hidden=(12,))),
        dict(frozen=[]),
        "every tensor given to the optimizer",
        "train",
    )
    add(
        k,
        "grammar-forgotten",
        board("charts", 5),
        of(
            "grammar",
            450,
            6e-3,
            batch=32,
            frozen=["blocks.0.qkv", "token"],
            schedule="linear",
            ratios=["qkv.weight", "up.weight", "down.weight", "token.weight", "head.weight"],
        ),
        dict(frozen=[]),
        "every tensor given to the optimizer",
        "train",
    )
    add(
        k,
        "grammar-dead",
        csv("batches", 4),
        of(
            "grammar",
            400,
            0.01,
            batch=32,
            data=dict(begun=150, near=0.6, rank=4, dead=True),
            ratios=[".a", ".b"],
            schedule="cosine",
        ),
        dict(data=dict(begun=150, near=0.6, rank=4)),
        "one factor that begins at random numbers",
    )

    k = "resume_jump"
    for name, log, run in [
        ("sensors", csv("notebook", 2), of("sensors", 500, 0.05, batch=128, schedule="cosine", **ADAM)),
        ("spectra", board("charts", 2), of("spectra", 560, 0.02, batch=128, schedule="cosine", **ADAM)),
        ("completion", state(4), of("completion", 700, 0.25, batch=128, schedule="linear", **ADAM)),
    ]:
        run["forget"] = dict(at=run["steps"] * 7 // 10, what="state and schedule")
        add(k, name + "-resumed", log, run, dict(forget=None), "Adam's state and the schedule kept")

    k = "epoch_sawtooth"
    add(
        k,
        "friedman-sorted",
        csv("notebook", 2),
        of("friedman", 560, 5e-3, batch=40, order="sorted", **ADAM, data=dict(examples=2000)),
        dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k,
        "cartpole-sorted",
        board("train upper", 5),
        of("cartpole", 640, 3e-3, batch=30, order="sorted", data=dict(examples=1800), **ADAM),
        dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k,
        "sensors-sorted",
        state(4),
        of("sensors", 480, 0.02, batch=32, order="sorted", data=dict(examples=1920)),
        dict(order="shuffled"),
        "shuffled data",
    )
