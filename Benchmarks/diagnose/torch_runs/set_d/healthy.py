"""Set D: runs that have no fault."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def healthy():
    h = lambda name, log, run, judge="held": add("healthy", name, log, run, judge=judge)
    # Fine-tuning, as with Hugging Face's Trainer.
    h(
        "reviews-trainer", state(10),
        of("reviews", 600, 8e-3, batch=32, schedule="linear", warmup=40, evaluate=75),
    )
    h(
        "reviews-trainer-csv", csv("trainer csv", 10, mean=True, split=True),
        of("reviews", 450, 8e-3, batch=32, schedule="cosine", warmup=30, clip=1.0, evaluate=75),
    )
    h(
        "markov-little", state(10),
        of(
            "markov", 500, 5e-3, batch=32, schedule="linear", warmup=25, evaluate=125,
            data=dict(begun=500, near=0.25),
        ),
    )
    h(
        "markov-lora", csv("kohya", 5),
        of(
            "markov", 500, 0.01, batch=32, schedule="cosine", warmup=25,
            data=dict(begun=400, near=0.5, rank=4),
        ),
    )
    h(
        "markov-little-constant", board("accelerate", 5),
        of("markov", 400, 3e-3, batch=32, warmup=20, data=dict(begun=500, near=0.3)),
    )
    # Language models.
    h(
        "markov-nanogpt", csv("nanogpt", 10, beside=["dt"]),
        of("markov", 800, 0.01, batch=32, schedule="cosine", warmup=40, floor=0.1, evaluate=100),
    )
    h(
        "markov-litgpt", csv("litgpt", 10, beside=["seconds", "tokens"]),
        of("markov", 700, 0.01, batch=24, schedule="wsd", warmup=35),
    )
    h(
        "markov-muon", csv("speedrun", 5, beside=["dt"]),
        of("markov", 500, 0.02, batch=32, schedule="wsd", warmup=10, optimizer="muon", evaluate=100),
    )
    h(
        "markov-perplexity", csv("slash", 8, beside=["perplexity", "memory"]),
        of("markov", 640, 8e-3, batch=32, schedule="linear", warmup=30, clip=0.6, evaluate=128),
    )
    h(
        "skipgram-linear", csv("iterations", 10),
        of("skipgram", 1500, 0.05, batch=64, schedule="linear", **ADAM),
    )
    h("skipgram-losses", csv("only losses", 20), of("skipgram", 1800, 0.03, batch=64, **ADAM))
    # Per epoch only.
    h(
        "tones-keras", csv("keras plain", 30, mean=True),
        of("tones", 30 * 30, 6e-3, batch=60, schedule="cosine", **ADAM, evaluate=30, data=dict(noise=1.2)),
    )
    h(
        "tones-timm", csv("summary", 28, mean=True),
        of(
            "tones", 28 * 25, 0.15, batch=64, schedule="cosine", warmup=28, **MOMENTUM, evaluate=28,
            data=dict(noise=1.2),
        ),
    )
    h(
        "shapes-yolo", csv("yolo", 37, mean=True, beside=["seconds"]),
        of("shapes", 37 * 16, 0.02, batch=32, schedule="linear", warmup=20, **ADAM, evaluate=37),
    )
    h(
        "graph-epochs", csv("keras", 1),
        of(
            "graph", 120, 0.01, batch=240, **ADAM, evaluate=1,
            data=dict(dropout=0.5), settings=dict(weight_decay=5e-3),
        ),
    )
    h(
        "clicks-one-pass", csv("slash", 10),
        of("clicks", 1000, 0.06, batch=64, schedule="linear", **ADAM, data=dict(examples=64000)),
    )
    # Regression of many units.
    h(
        "field-small-loss", csv("capitals", 20),
        of("field", 1400, 5e-3, batch=64, schedule="cosine", **ADAM, evaluate=200), "train",
    )
    h("field-sgd", board("losses", 10), of("field", 1200, 0.3, batch=64, schedule="cosine", **MOMENTUM))
    h(
        "waves-sums", csv("metrics only", 15, split=True),
        of("waves", 1200, 5e-3, batch=50, schedule="cosine", **ADAM, evaluate=100),
    )
    h("waves-noisy", csv("iterations", 1), of("waves", 700, 4e-3, batch=8, schedule="linear", **ADAM))
    h(
        "prices-thousands", board("sb3", 10),
        of("prices", 1500, 0.05, batch=64, schedule="cosine", **ADAM, data=dict(noise=0.3)),
    )
    h(
        "prices-log", csv("metrics", 20, split=True),
        of(
            "prices", 1600, 0.06, batch=40, schedule="steps", **MOMENTUM, evaluate=62,
            data=dict(log=True, noise=0.5),
        ),
    )
    h(
        "quantiles-restarts", csv("slash", 5),
        of("quantiles", 900, 0.06, batch=32, schedule="restarts", **ADAM, evaluate=90),
    )
    h("quantiles-sgd", board("accelerate", 10), of("quantiles", 1200, 1.0, batch=32, schedule="linear", **SGD))
    h(
        "quantiles-tiny-batch", csv("only losses", 1),
        of("quantiles", 900, 0.01, batch=4, schedule="cosine", **ADAM),
    )
    # Likelihoods below zero.
    h(
        "flow-cosine", csv("iterations", 5),
        of("flow", 900, 0.03, batch=48, schedule="cosine", warmup=50, **ADAM, data=dict(tight=0.03)),
    )
    h(
        "flow-clipped", board("fairseq", 6),
        of("flow", 720, 0.02, batch=32, schedule="linear", warmup=40, clip=5.0, **ADAM),
    )
    h("survival-adam", csv("slash", 8), of("survival", 900, 0.05, batch=48, schedule="cosine", **ADAM, evaluate=93))
    # Others.
    h(
        "remainders-signs", csv("iterations", 6),
        of("remainders", 900, 1.5e-3, batch=64, schedule="cosine", optimizer="lion"),
    )
    h(
        "remainders-epochs", csv("metrics", 25, split=True),
        of("remainders", 100 * 12, 0.1, batch=50, schedule="cosine", **MOMENTUM, evaluate=100),
    )
    h(
        "remainders-again", csv("slash", 5, again=(600, 40)),
        of("remainders", 900, 0.01, batch=64, schedule="cosine", **ADAM),
    )
    h(
        "shapes-unet", board("detectron", 4),
        of("shapes", 400, 0.015, batch=24, schedule="cosine", warmup=20, evaluate=100),
    )
    h(
        "shapes-accumulated", state(4),
        of("shapes", 160, 0.02, batch=16, accumulate=3, schedule="cosine", warmup=8),
    )
    h(
        "cloning-one-cycle", board("sb3", 8),
        of("cloning", 1400, 0.04, batch=64, schedule="one-cycle", **ADAM),
    )
    h("distill-adagrad", csv("capitals", 10, split=True), of("distill", 900, 0.1, batch=64, optimizer="adagrad", evaluate=93))
    h("distill-sgd", csv("fairseq", 10), of("distill", 1000, 1.0, batch=32, schedule="cosine", **MOMENTUM))
    h(
        "matching-margin", csv("slash", 10),
        of("matching", 900, 0.02, batch=64, schedule="cosine", **ADAM, data=dict(root=1e-9)),
    )
    h("ode-adam", csv("iterations", 10), of("ode", 1200, 0.04, batch=64, schedule="cosine", warmup=40, **ADAM))
    h(
        "tones-half", board("flat", 3, names=dict(loss_scale="amp/scale")),
        of(
            "tones", 400, 0.01, batch=48, schedule="cosine", warmup=10, precision="float16",
            data=dict(noise=1.2), scaler=dict(scale=4096.0, growth=150, dynamic=True),
        ),
    )
    h(
        "reviews-d", csv("iterations", 5, extra=["d"], names=dict(d="d")),
        of("reviews", 450, 1.0, batch=32, **PRODIGY, schedule="cosine"),
    )
    h(
        "quantiles-prodigy", board("sd-scripts", 4, extra=["d"], product=True),
        of("quantiles", 700, 1.0, batch=32, **PRODIGY, schedule="cosine"),
    )
    h("tones-early-stopped", csv("metrics only", 10, split=True), of("tones", 360, 3e-3, batch=40, evaluate=45, **ADAM, data=dict(noise=1.2)))
