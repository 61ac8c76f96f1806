"""Set C: faults of the rate, of its schedule, of Prodigy's estimate, and of what is logged of it."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state


def rate_faults():
    k = "lr_too_high"
    add(
        k,
        "tabular-rms",
        csv("own", 2),
        of("tabular", 520, 0.05, batch=48, warmup=50, optimizer="rmsprop", data=dict(norm=None)),
        dict(lr=2e-3),
        "a rate of 0.002",
    )
    add(
        k,
        "window-momentum",
        board("tutorial", 5),
        of("window", 800, 0.3, batch=24, warmup=40, schedule="cosine", floor=0.2, **MOMENTUM, evaluate=100),
        dict(lr=0.1),
        "a peak of 0.1",
    )
    add(
        k,
        "residual-momentum",
        state(6),
        of("residual", 480, 0.2, batch=32, warmup=24, **MOMENTUM, evaluate=120),
        dict(lr=0.02),
        "a rate of 0.02",
    )
    add(
        k,
        "spirals-nadam",
        csv("lightning", 4, split=True),
        of("spirals", 900, 0.15, batch=20, optimizer="nadam", evaluate=111),
        dict(lr=0.02),
        "a rate of 0.02",
    )

    k = "diverged"
    add(
        k,
        "counts-late",
        csv("global", 2),
        of("counts", 500, 0.8, batch=32, warmup=500, **SGD, stop=True, data=dict(level=1.5)),
        dict(lr=0.02, warmup=40),
        "a peak of 0.02",
    )
    add(
        k,
        "forecast-momentum",
        board("flat", 3),
        of("forecast", 420, 1.2, batch=24, warmup=300, optimizer="sgd", settings=dict(momentum=0.95)),
        dict(lr=0.02, warmup=20),
        "a peak of 0.02",
    )
    add(
        k,
        "residual-rising",
        state(5),
        of("residual", 600, 0.5, batch=32, warmup=600, **MOMENTUM, evaluate=100, stop=True),
        dict(lr=0.02, warmup=30),
        "a peak of 0.02",
    )

    k = "lr_too_low"
    add(
        k,
        "tabular-crawl",
        csv("own", 5),
        of("tabular", 560, 3e-5, batch=48, optimizer="adam"),
        dict(lr=4e-3),
        "a rate of 0.004",
    )
    add(
        k,
        "vae-crawl",
        state(6),
        of("vae", 600, 5e-5, batch=32, schedule="cosine", warmup=20, evaluate=90),
        dict(lr=4e-3),
        "a peak of 0.004",
    )
    add(
        k,
        "gru-crawl",
        csv("nanogpt", 6),
        of("gru", 420, 0.02, batch=12, **SGD, evaluate=105),
        dict(lr=2.0),
        "a rate of 2",
    )

    k = "warmup_too_short"
    add(
        k,
        "residual-cold",
        csv("own", 1),
        of("residual", 400, 0.044, batch=48, optimizer="adam", schedule="cosine"),
        dict(warmup=60),
        "a warm-up of 60 steps",
    )
    add(
        k,
        "transfer-cold",
        board("flat", 1),
        of("transfer", 400, 0.04, batch=32, optimizer="adam", schedule="cosine"),
        dict(warmup=60),
        "a warm-up of 60 steps",
    )
    add(
        k,
        "counts-cold",
        csv("global", 2),
        of("counts", 500, 0.26, batch=40, warmup=3, optimizer="adam", schedule="linear"),
        dict(warmup=80),
        "a warm-up of 80 steps",
    )

    k = "d_stuck"
    add(
        k,
        "window-d",
        csv("kohya", 2, extra=["d"]),
        of("window", 420, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=2e-4)),
        dict(settings={}),
        "d_coef of 1",
        "train",
    )
    add(
        k,
        "forecast-d",
        board("flat", 4, extra=["d"], names=dict(d="prodigy/d")),
        of("forecast", 600, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=5e-4)),
        dict(settings={}),
        "d_coef of 1",
        "train",
    )
    add(
        k,
        "transfer-d",
        csv("global", 3, extra=["d"], names=dict(d="d_estimate")),
        of("transfer", 420, 1e-3, batch=32, optimizer="prodigy", data=dict(rank=4)),
        dict(lr=1.0),
        "a rate of 1",
        "train",
    )

    k = "d_still_rising"
    add(
        k,
        "tabular-d-rising",
        csv("own", 2, extra=["d"]),
        of("tabular", 460, 1.0, batch=48, optimizer="prodigy", settings=dict(growth_rate=1.012)),
        dict(settings={}),
        "d free to grow",
        "train",
    )
    add(
        k,
        "vit-d-rising",
        board("kohya", 3, extra=["d"], product=True),
        of("vit", 360, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.016)),
        dict(settings={}),
        "d free to grow",
        "train",
    )
    add(
        k,
        "ratings-d-rising",
        csv("kohya", 6, extra=["d"], names=dict(d="prodigy_d")),
        of(
            "ratings",
            700,
            1.0,
            batch=96,
            optimizer="prodigy",
            settings=dict(growth_rate=1.009),
            data=dict(std=0.2),
        ),
        dict(settings={}),
        "d free to grow",
        "train",
    )

    k = "schedule_ended_early"
    add(
        k,
        "tabular-ended",
        csv("lightning", 5, split=True),
        of("tabular", 900, 4e-4, batch=48, schedule="cosine", horizon=300, evaluate=124),
        dict(horizon=None),
        "a schedule of 900 steps",
    )
    add(
        k,
        "vit-ended",
        state(9),
        of("vit", 600, 3e-3, batch=24, schedule="linear", warmup=20, horizon=240),
        dict(horizon=None),
        "a schedule of 600 steps",
    )
    add(
        k,
        "diffusion-ended",
        board("diffusers", 5, mean=True),
        of("diffusion", 1200, 1.5e-3, batch=32, schedule="cosine", warmup=20, horizon=360),
        dict(horizon=None),
        "a schedule of 1,200 steps",
    )

    k = "schedule_cut_off"
    add(
        k,
        "window-cut",
        csv("nanogpt", 5),
        of("window", 900, 0.03, batch=16, schedule="cosine", warmup=30, horizon=2400, evaluate=150),
        dict(horizon=None),
        "a schedule of 900 steps",
    )
    add(
        k,
        "ratings-cut",
        csv("timm", 200, mean=True),
        of(
            "ratings", 4000, 0.04, batch=32, schedule="linear", horizon=9000, optimizer="adam", evaluate=200,
            data=dict(examples=6400, users=60, items=40, rank=3, std=0.2, noise=1.0),
        ),
        dict(horizon=None),
        "a schedule of 4,000 steps",
    )
    add(
        k,
        "counts-cut",
        board("megatron", 4),
        of("counts", 700, 0.08, batch=12, schedule="cosine", warmup=20, horizon=1600, optimizer="adam"),
        dict(horizon=None),
        "a schedule of 700 steps",
    )

    k = "lr_not_logged"
    add(k, "diffusion-prodigy", board("diffusers", 2), of("diffusion", 500, 1.0, batch=32, **PRODIGY))
    add(
        k,
        "tabular-prodigy",
        csv("kohya", 5),
        of("tabular", 480, 1.0, batch=32, **PRODIGY, settings=dict(use_bias_correction=True)),
    )
    add(k, "vit-prodigy", state(6), of("vit", 360, 1.0, batch=32, **PRODIGY, evaluate=90))
