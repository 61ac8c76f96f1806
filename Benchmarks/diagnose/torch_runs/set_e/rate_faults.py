"""Set E: faults of the rate, of its schedule, of Prodigy's estimate, and of what is logged of it."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def rate_faults():
    k = "lr_too_high"
    add(
        k,
        "sensors-hot",
        csv("notebook", 2),
        of("sensors", 500, 0.15, batch=32, **ADAM, evaluate=78),
        dict(lr=0.01),
        "a rate of 0.01",
    )
    add(
        k,
        "tags-hot",
        board("grouped", 10),
        of("tags", 800, 0.1, batch=16, **ADAM, evaluate=156),
        dict(lr=0.01),
        "a rate of 0.01",
    )

    add(
        k,
        "grammar-raised",
        state(5),
        of("grammar", 500, 0.01, batch=32, schedule="raised", raised=6.0, warmup=20, evaluate=100),
        dict(schedule="constant"),
        "the rate left as it was",
    )
    add(
        k,
        "sorting-hot",
        csv("updates", 2),
        of("sorting", 500, 0.1, batch=24, **ADAM, evaluate=125),
        dict(lr=5e-3),
        "a rate of 0.005",
    )

    k = "diverged"
    add(
        k,
        "completion-blown",
        board("charts", 4),
        of("completion", 600, 1.0, batch=64, warmup=500, **MOMENTUM, stop=True),
        dict(lr=0.1, warmup=30),
        "a peak of 0.1",
        "train",
    )
    add(
        k,
        "grammar-blown",
        state(5),
        of("grammar", 500, 3.0, batch=32, warmup=400, **MOMENTUM, stop=True),
        dict(lr=0.2, warmup=30),
        "a peak of 0.2",
        "train",
    )
    add(
        k,
        "bags-blown",
        csv("gnorm", 2),
        of("bags", 500, 0.03, batch=32, schedule="raised", raised=80.0, **MOMENTUM),
        dict(schedule="constant"),
        "the rate left as it was",
        "train",
    )

    k = "lr_too_low"
    add(
        k,
        "friedman-crawl",
        csv("camel", 5),
        of("friedman", 800, 3e-4, batch=32, **ADAM, evaluate=93),
        dict(lr=0.03),
        "a rate of 0.03",
    )
    add(
        k,
        "sensors-crawl",
        board("charts", 4),
        of("sensors", 500, 2e-3, batch=32, **MOMENTUM),
        dict(lr=0.1),
        "a rate of 0.1",
    )
    add(
        k,
        "grammar-crawl",
        state(10),
        of("grammar", 600, 1e-4, batch=32, warmup=30, evaluate=150),
        dict(lr=8e-3),
        "a peak of 0.008",
    )

    k = "warmup_too_short"
    add(
        k,
        "cartpole-cold",
        csv("notebook", 1),
        of("cartpole", 420, 0.09, batch=48, schedule="cosine", warmup=2, **ADAM),
        dict(warmup=100),
        "a warm-up of 100 steps",
    )
    add(
        k,
        "bags-cold",
        board("batch", 1),
        of("bags", 400, 0.16, batch=48, schedule="cosine", **ADAM),
        dict(warmup=100),
        "a warm-up of 100 steps",
    )
    add(
        k,
        "latent-cold",
        state(1),
        of("latent", 400, 0.06, batch=48, schedule="linear", **ADAM),
        dict(warmup=80),
        "a warm-up of 80 steps",
    )

    k = "d_stuck"
    add(
        k,
        "spectra-d",
        board("charts", 4, extra=["d"], names=dict(d="charts/d")),
        of("spectra", 500, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=1e-4), schedule="cosine"),
        dict(settings={}),
        "d_coef of 1",
        "train",
    )
    add(
        k,
        "grammar-d",
        csv("batches", 4, extra=["d"], names=dict(d="prodigy_d")),
        of("grammar", 400, 1.0, batch=32, optimizer="prodigy", settings=dict(d0=1e-7, growth_rate=1.0)),
        dict(settings={}),
        "d free to grow",
        "train",
    )
    add(
        k,
        "sorting-d",
        state(5, extra=["d"]),
        of("sorting", 360, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=2e-4)),
        dict(settings={}),
        "d_coef of 1",
        "train",
    )

    k = "d_still_rising"
    add(
        k,
        "friedman-d-rising",
        csv("gnorm", 5, extra=["d"]),
        of("friedman", 600, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.012)),
        dict(settings={}),
        "d free to grow",
        "train",
    )
    add(
        k,
        "tags-d-rising",
        csv("title", 10, extra=["d"], names=dict(d="D")),
        of("tags", 700, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.01), evaluate=156),
        dict(settings={}),
        "d free to grow",
        "train",
    )
    add(
        k,
        "grammar-d-rising",
        state(5, extra=["d"]),
        of("grammar", 400, 1.0, batch=32, optimizer="prodigy", settings=dict(d0=1e-7, growth_rate=1.024)),
        dict(settings={}),
        "d free to grow",
        "train",
    )

    k = "schedule_ended_early"
    add(
        k,
        "friedman-ended",
        csv("camel", 8),
        of("friedman", 800, 0.01, batch=32, schedule="cosine", horizon=280, **ADAM, evaluate=93),
        dict(horizon=None),
        "a schedule of 800 steps",
    )
    add(
        k,
        "grammar-ended",
        state(10),
        of("grammar", 600, 3e-3, batch=32, schedule="linear", warmup=20, horizon=200, evaluate=100),
        dict(horizon=None),
        "a schedule of 600 steps",
    )
    add(
        k,
        "captions-ended",
        board("train upper", 5),
        of("captions", 500, 2e-3, batch=32, schedule="cosine", warmup=10, horizon=150),
        dict(horizon=None),
        "a schedule of 500 steps",
    )

    k = "schedule_cut_off"
    add(
        k,
        "tags-cut",
        csv("updates", 5),
        of("tags", 700, 0.06, batch=16, schedule="cosine", warmup=20, horizon=2100, **ADAM, evaluate=156),
        dict(horizon=None),
        "a schedule of 700 steps",
    )
    add(
        k,
        "sensors-cut",
        state(10),
        of("sensors", 600, 0.1, batch=16, schedule="linear", horizon=1500, warmup=20),
        dict(horizon=None),
        "a schedule of 600 steps",
    )
    add(
        k,
        "completion-cut",
        board("grouped", 10),
        of("completion", 1000, 0.12, batch=64, schedule="cosine", horizon=2500, **ADAM),
        dict(horizon=None),
        "a schedule of 1,000 steps",
    )

    k = "lr_not_logged"
    add(k, "friedman-prodigy", csv("title", 5), of("friedman", 600, 1.0, batch=32, **PRODIGY, evaluate=93))
    add(k, "captions-prodigy", board("charts", 5), of("captions", 400, 1.0, batch=48, **PRODIGY))
    add(
        k,
        "grammar-prodigy",
        state(10),
        of(
            "grammar", 500, 1.0, batch=32, optimizer="prodigy", settings=dict(weight_decay=0.01), evaluate=100
        ),
    )
