"""Faults of the rate: its size, its warm-up, its schedule, Prodigy's estimate, what is logged of it."""

from torch import nn

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state


def rate_faults():
    k = "lr_too_high"
    add(
        k, "mlp-sgd-hot", csv("plain"),
        of("digits_mlp", 600, 0.3, data=dict(hidden=(64, 64)), **MOMENTUM), dict(lr=0.03),
        "a rate of 0.03",
    )
    add(
        k, "cnn-adam-hot", csv("long", 5), of("digits_cnn", 500, 0.08, optimizer="adam", evaluate=50),
        dict(lr=0.003), "a rate of 0.003",
    )
    add(
        k, "regression-hot", board("short", 1),
        of(
            "regression", 800, 0.15, optimizer="adam", data=dict(activation=nn.ReLU, hidden=(64,)),
            evaluate=100,
        ),
        dict(lr=0.01), "a rate of 0.01",
    )
    add(
        k, "linear-hot", state(5),
        of("linear", 500, 0.5, batch=16, optimizer="sgd", settings=dict(momentum=0.5)), dict(lr=0.05),
        "a rate of 0.05",
    )
    add(
        k, "lstm-hot", csv("long", 10), of("lstm", 500, 0.3, batch=8, optimizer="adam", evaluate=100),
        dict(lr=0.01), "a rate of 0.01",
    )
    add(
        k, "cnn-sgd-hot", csv("norms", 1),
        of("digits_cnn", 500, 0.2, schedule="cosine", floor=0.3, **MOMENTUM), dict(lr=0.02),
        "a peak of 0.02",
    )

    k = "diverged"
    add(
        k, "gpt-rising", csv("norms", 5),
        of("gpt", 600, 2.0, batch=8, warmup=600, data=dict(pre=False)), dict(lr=0.004, warmup=60),
        "a peak of 0.004",
    )
    add(
        k, "linear-blows-up", csv("plain", 1, digits=None),
        of("linear", 150, 1.1, data=dict(condition=2), stop=True, **SGD), dict(lr=0.05),
        "a rate of 0.05", "train",
    )
    add(
        k, "mlp-late", board("hf", 5), of("digits_mlp", 800, 3.0, warmup=800, **MOMENTUM, evaluate=100),
        dict(lr=0.1), "a peak of 0.1",
    )
    add(
        k, "lstm-sgd", state(5), of("lstm", 400, 60.0, batch=8, **MOMENTUM), dict(lr=1.0),
        "a rate of 1",
    )
    add(
        k, "regression-momentum", csv("long", 1),
        of(
            "regression", 400, 0.12, optimizer="sgd", settings=dict(momentum=0.95), evaluate=50,
            stop=True, data=dict(activation=nn.ReLU),
        ),
        dict(lr=0.01), "a rate of 0.01",
    )

    k = "lr_too_low"
    add(k, "mlp-crawl", csv("plain", 5), of("digits_mlp", 800, 1e-5), dict(lr=1e-3), "a rate of 0.001")
    add(
        k, "gpt-crawl", state(10), of("gpt", 600, 4e-5, batch=8, schedule="cosine", warmup=30),
        dict(lr=4e-3), "a peak of 0.004",
    )
    add(
        k, "regression-crawl", csv("long", 10), of("regression", 1500, 3e-5, evaluate=100),
        dict(lr=3e-3), "a rate of 0.003",
    )
    add(
        k, "cnn-sgd-crawl", board("short", 5), of("digits_cnn", 500, 2e-3, **SGD, evaluate=100),
        dict(lr=0.2), "a rate of 0.2",
    )
    add(
        k, "sparse-crawl", csv("epoch lr", 10), of("sparse", 1000, 5e-5, evaluate=125), dict(lr=5e-3),
        "a rate of 0.005",
    )
    add(
        k, "autoencoder-slow", csv("plain", 1, digits=4), of("autoencoder", 250, 1e-4), dict(lr=6e-3),
        "a rate of 0.006",
    )
    add(
        k, "mlp-slow", state(5),
        of("digits_mlp", 500, 1.5e-4, warmup=20, schedule="linear", evaluate=50), dict(lr=0.01),
        "a peak of 0.01",
    )

    k = "warmup_too_short"
    add(
        k, "lstm-no-warmup", csv("norms", 1),
        of("lstm", 400, 8.0, batch=8, schedule="cosine", **MOMENTUM), dict(warmup=80),
        "a warm-up of 80 steps",
    )
    add(
        k, "mlp-no-warmup", csv("plain", 1),
        of(
            "digits_mlp", 400, 0.08, optimizer="adam", schedule="cosine",
            data=dict(hidden=(64, 64, 64)),
        ),
        dict(warmup=60), "a warm-up of 60 steps",
    )
    add(
        k, "wide-no-warmup", board("hf", 1),
        of(
            "digits_mlp", 400, 0.07, schedule="cosine", optimizer="adam", data=dict(hidden=(128, 128)),
            evaluate=50,
        ),
        dict(warmup=60), "a warm-up of 60 steps",
    )
    add(
        k, "regression-no-warmup", csv("long", 2),
        of(
            "regression", 500, 0.1, warmup=2, optimizer="adam", schedule="cosine",
            data=dict(hidden=(64, 64)), evaluate=50,
        ),
        dict(warmup=80), "a warm-up of 80 steps",
    )
    add(
        k, "norm-no-warmup", state(1),
        of(
            "digits_mlp", 400, 0.5, schedule="cosine", data=dict(hidden=(64, 64), norm=True),
            **MOMENTUM,
        ),
        dict(warmup=60), "a warm-up of 60 steps",
    )

    k = "d_stuck"
    add(
        k, "mlp-growth-1", csv("plain", 1, extra=["d"]),
        of("digits_mlp", 500, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.0)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "regression-d", board("flat", 5, extra=["d"]),
        of("regression", 800, 1.0, optimizer="prodigy", settings=dict(d_coef=1e-3)), dict(settings={}),
        "d_coef of 1", "train",
    )
    add(
        k, "lora-d", board("kohya", 1, extra=["d"], product=True),
        of("lora_mlp", 400, 1e-3, optimizer="prodigy"), dict(lr=1.0), "a rate of 1", "train",
    )
    add(
        k, "gpt-d", csv("plain", 5, extra=["d"]),
        of("gpt", 400, 1.0, batch=8, optimizer="prodigy", settings=dict(growth_rate=1.0005)),
        dict(settings={}), "d free to grow", "train",
    )

    k = "d_still_rising"
    add(
        k, "mlp-d-rising", csv("plain", 1, extra=["d"]),
        of("digits_mlp", 400, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.015)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "lstm-d-rising", board("kohya", 5, extra=["d"], product=True),
        of("lstm", 500, 1.0, batch=8, optimizer="prodigy", settings=dict(growth_rate=1.014)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "regression-d-rising", csv("long", 5, extra=["d"]),
        of("regression", 600, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.01), evaluate=100),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "lora-d-rising", csv("plain", 5, extra=["d"]),
        of("lora_mlp", 500, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.012)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "cnn-d-rising", csv("plain", 2, extra=["d"]),
        of("digits_cnn", 400, 1.0, optimizer="prodigy", settings=dict(d_coef=0.01)), dict(settings={}),
        "d_coef of 1", "train",
    )

    k = "schedule_ended_early"
    add(
        k, "mlp-ended", csv("plain", 5), of("digits_mlp", 1000, 5e-4, schedule="cosine", horizon=300),
        dict(horizon=None), "a schedule of 1,000 steps", "train",
    )
    add(
        k, "gpt-ended", state(10),
        of("gpt", 800, 3e-3, batch=8, schedule="linear", warmup=30, horizon=320, evaluate=100),
        dict(horizon=None), "a schedule of 800 steps",
    )
    add(
        k, "regression-ended", board("short", 10),
        of("regression", 1500, 2e-3, schedule="cosine", horizon=500, evaluate=150), dict(horizon=None),
        "a schedule of 1,500 steps",
    )
    add(
        k, "lstm-ended", csv("long", 10),
        of("lstm", 700, 5e-3, batch=8, schedule="cosine", warmup=20, horizon=350, evaluate=100),
        dict(horizon=None), "a schedule of 700 steps",
    )

    k = "schedule_cut_off"
    add(
        k, "linear-cut", csv("plain", 5),
        of("linear", 800, 0.1, batch=4, schedule="linear", horizon=2000, **SGD), dict(horizon=None),
        "a schedule of 800 steps",
    )
    add(
        k, "gpt-cut", csv("long", 5),
        of("gpt", 600, 0.02, batch=2, schedule="cosine", warmup=50, horizon=1400, evaluate=100),
        dict(horizon=None), "a schedule of 600 steps",
    )
    add(
        k, "regression-cut", board("hf", 5),
        of(
            "regression", 900, 0.07, batch=8, schedule="cosine", warmup=50, horizon=2200, evaluate=100,
            data=dict(noise=0.5),
        ),
        dict(horizon=None), "a schedule of 900 steps", "train",
    )
    add(
        k, "cnn-cut", state(10),
        of("digits_cnn", 700, 0.03, batch=16, schedule="cosine", warmup=30, horizon=1800),
        dict(horizon=None), "a schedule of 700 steps",
    )
    add(
        k, "lstm-cut", csv("norms", 5),
        of("lstm", 700, 0.05, batch=4, schedule="linear", warmup=30, horizon=1800), dict(horizon=None),
        "a schedule of 700 steps",
    )

    k = "lr_not_logged"
    add(
        k, "mlp-prodigy-1", csv("plain", 5),
        of("digits_mlp", 500, 1.0, **PRODIGY, settings=dict(weight_decay=0.01)),
    )
    add(k, "lstm-prodigy-1", state(10), of("lstm", 500, 1.0, batch=8, **PRODIGY))
    add(k, "lora-prodigy-1", board("kohya", 5), of("lora_mlp", 400, 1.0, **PRODIGY))
    add(
        k, "regression-prodigy-1", csv("long", 10),
        of("regression", 800, 1.0, **PRODIGY, settings=dict(safeguard_warmup=True), evaluate=100),
    )
    add(k, "cnn-prodigy-1", board("flat", 5), of("digits_cnn", 500, 1.0, **PRODIGY, evaluate=100))
