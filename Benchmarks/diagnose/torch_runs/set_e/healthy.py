"""Set E: runs that have no fault."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def healthy():
    h = lambda name, log, run, judge="held": add("healthy", name, log, run, judge=judge)
    # Classifiers.
    h(
        "sensors-notebook",
        csv("notebook", 2),
        of("sensors", 500, 0.015, batch=32, schedule="cosine", **ADAM, evaluate=78, data=dict(spread=1.6)),
    )
    h(
        "sensors-fastai",
        csv("fastai", 39, mean=True),
        of(
            "sensors",
            39 * 14,
            0.02,
            batch=64,
            schedule="one-cycle",
            **ADAM,
            evaluate=39,
            data=dict(spread=1.4)
        ),
    )
    h(
        "glyphs-adam",
        csv("trainer global", 5, split=True),
        of("glyphs", 440, 0.02, batch=32, schedule="cosine", **ADAM, evaluate=46, data=dict(examples=6000)),
    )
    h(
        "glyphs-momentum",
        board("charts", 2),
        of("glyphs", 440, 0.05, batch=32, schedule="linear", warmup=20, **MOMENTUM, data=dict(examples=6000)),
    )
    h("bags-linear", csv("gnorm", 4), of("bags", 480, 0.01, batch=32, schedule="linear", **ADAM))
    h(
        "tags-sgd",
        board("batch", 10),
        of("tags", 900, 0.3, batch=32, schedule="linear", **MOMENTUM, evaluate=156),
    )
    h(
        "sensors-one-pass",
        csv("batches", 10),
        of("sensors", 900, 0.02, batch=32, schedule="linear", **ADAM, data=dict(examples=28800, spread=1.4)),
    )
    # Language.
    h(
        "grammar-nanogpt",
        csv("camel", 5),
        of("grammar", 600, 0.01, batch=32, schedule="cosine", warmup=30, floor=0.1, evaluate=100),
    )
    h(
        "grammar-clipped",
        csv("gnorm", 5, clip_name="clip"),
        of("grammar", 500, 0.01, batch=32, schedule="linear", warmup=25, clip=0.9),
    )
    h(
        "grammar-trainer",
        state(10),
        of("grammar", 700, 8e-3, batch=24, schedule="linear", warmup=40, evaluate=100),
    )
    h(
        "grammar-gru",
        board("grouped", 5),
        of(
            "grammar",
            500,
            0.02,
            batch=24,
            schedule="cosine",
            **ADAM,
            clip=0.2,
            evaluate=100,
            data=dict(rnn="GRU")
        ),
    )
    h(
        "grammar-lion",
        csv("avg", 5),
        of("grammar", 500, 4e-3, batch=32, schedule="cosine", warmup=20, optimizer="lion"),
    )
    h(
        "grammar-lora",
        csv("batches", 5),
        of(
            "grammar",
            400,
            0.02,
            batch=32,
            schedule="linear",
            warmup=20,
            data=dict(begun=300, near=0.5, rank=4),
        ),
    )
    h(
        "grammar-fine",
        state(5),
        of(
            "grammar",
            300,
            5e-3,
            batch=32,
            schedule="linear",
            warmup=15,
            data=dict(begun=400, near=0.3),
            evaluate=50,
        ),
    )
    h(
        "sorting-wsd",
        board("charts", 4),
        of("sorting", 500, 5e-3, batch=48, schedule="wsd", warmup=25, **ADAM),
    )
    # Regression.
    h(
        "friedman-cosine",
        csv("title", 5),
        of("friedman", 800, 0.1, batch=32, schedule="cosine", **ADAM, evaluate=93),
    )
    h(
        "friedman-adafactor",
        board("training", 5),
        of("friedman", 900, 0.2, batch=32, schedule="linear", optimizer="adafactor", evaluate=93),
    )
    h(
        "cartpole-small",
        csv("gnorm", 5),
        of("cartpole", 800, 0.025, batch=64, schedule="cosine", warmup=40, **ADAM),
    )
    h("adding-gru", board("bare", 4), of("adding", 600, 0.04, batch=32, schedule="cosine", **ADAM))
    h(
        "mixture-below",
        csv("notebook", 5),
        of("mixture", 800, 0.01, batch=48, schedule="cosine", **ADAM, evaluate=125),
    )
    # Without labels.
    h(
        "spectra-nesterov",
        board("train upper", 5),
        of(
            "spectra",
            800,
            0.3,
            batch=32,
            schedule="linear",
            optimizer="sgd",
            settings=dict(momentum=0.9, nesterov=True),
            evaluate=93,
        ),
    )
    h("latent-adam", csv("avg", 5), of("latent", 800, 0.01, batch=48, schedule="cosine", warmup=20, **ADAM))
    h(
        "latent-epochs",
        csv("fastai", 46, mean=True),
        of("latent", 46 * 18, 0.01, batch=64, schedule="linear", **ADAM, evaluate=46),
    )
    h("swirl-noisy", csv("batches", 1), of("swirl", 700, 0.02, batch=32, schedule="cosine", **ADAM))
    h(
        "swirl-board",
        board("charts", 5),
        of("swirl", 900, 0.02, batch=64, warmup=40, schedule="wsd", clip=0.4, **ADAM),
    )
    h(
        "completion-adam",
        csv("updates", 10),
        of("completion", 800, 0.05, batch=256, schedule="cosine", **ADAM, evaluate=140),
    )
    h(
        "completion-sgd",
        board("bare", 10),
        of("completion", 900, 0.15, batch=256, schedule="linear", **MOMENTUM),
    )
    h(
        "captions-adam",
        csv("gnorm", 4),
        of("captions", 500, 0.02, batch=48, schedule="cosine", warmup=20, **ADAM),
    )
    h(
        "captions-accumulated",
        state(4),
        of("captions", 200, 0.02, batch=32, accumulate=3, schedule="linear", warmup=10),
    )
    # Number formats and Prodigy.
    h(
        "tags-half",
        csv("notebook", 5, names=dict(loss_scale="scale")),
        of(
            "tags",
            500,
            0.01,
            batch=32,
            schedule="cosine",
            precision="float16",
            scaler=dict(scale=4096.0, growth=200, dynamic=True),
        ),
    )
    h(
        "sensors-free",
        csv("notebook", 5, extra=["d"]),
        of("sensors", 500, 1.0, batch=32, **PRODIGY, schedule="cosine", data=dict(spread=1.6)),
    )
    h(
        "sensors-again",
        csv("notebook", 5, again=(300, 40)),
        of("sensors", 500, 0.015, batch=32, schedule="linear", **ADAM, data=dict(examples=5000, spread=1.6)),
    )
    h("spectra-tiny-batch", csv("avg", 1), of("spectra", 900, 4e-3, batch=4, schedule="cosine", **ADAM))
