"""Set D: faults of the rate, of its schedule, of Prodigy's estimate, and of what is logged of it."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def rate_faults():
    k = "lr_too_high"
    add(
        k, "clicks-noisy", csv("slash", 10, beside=["dt"]),
        of("clicks", 900, 0.3, batch=64, **ADAM, evaluate=150), dict(lr=0.03), "a rate of 0.03",
    )
    add(
        k, "reviews-high", state(8),
        of("reviews", 480, 0.04, batch=32, schedule="linear", floor=0.3, warmup=24, evaluate=75),
        dict(lr=6e-3), "a peak of 0.006",
    )
    add(
        k, "markov-raised", csv("litgpt", 5, beside=["seconds", "tokens"]),
        of("markov", 600, 6e-3, batch=32, schedule="raised", warmup=20), dict(schedule="constant"),
        "the rate left as it was",
    )
    add(
        k, "distill-floor", board("losses", 4),
        of("distill", 700, 0.12, batch=8, **ADAM, evaluate=175), dict(lr=6e-3), "a rate of 0.006",
    )
    add(
        k, "cloning-raised", csv("iterations", 2),
        of("cloning", 800, 0.15, batch=16, schedule="raised", raised=10.0, **MOMENTUM),
        dict(schedule="constant"), "the rate left as it was",
    )
    add(
        k, "remainders-lion", board("accelerate", 6),
        of("remainders", 900, 0.02, batch=48, optimizer="lion", evaluate=150), dict(lr=1e-3),
        "a rate of 0.001",
    )

    k = "diverged"
    add(
        k, "prices-rising", csv("iterations", 1),
        of("prices", 420, 0.012, batch=32, warmup=420, **SGD, stop=True),
        dict(lr=1e-3, warmup=40), "a peak of 0.001", "train",
    )
    add(
        k, "reviews-rising", board("accelerate", 4),
        of("reviews", 480, 3.0, batch=32, warmup=480, **MOMENTUM, stop=True),
        dict(lr=0.1, warmup=24), "a peak of 0.1", "train",
    )
    add(
        k, "survival-rising", csv("fairseq", 3),
        of("survival", 600, 0.7, batch=32, warmup=600, **MOMENTUM, stop=True),
        dict(lr=0.03, warmup=30), "a peak of 0.03", "train",
    )
    add(
        k, "clicks-rising", state(5),
        of("clicks", 520, 25.0, batch=64, warmup=520, **MOMENTUM, stop=True),
        dict(lr=0.3, warmup=30), "a peak of 0.3", "train",
    )
    add(
        k, "waves-raised", csv("only losses", 2),
        of("waves", 500, 2e-3, batch=32, schedule="raised", raised=60.0, **ADAM),
        dict(schedule="constant"), "the rate left as it was", "train",
    )

    k = "lr_too_low"
    add(
        k, "tones-epochs", csv("keras", 30, mean=True),
        of("tones", 30 * 22, 4e-5, batch=60, **ADAM, evaluate=30), dict(lr=5e-3), "a rate of 0.005",
    )
    add(
        k, "quantiles-crawl", board("sb3", 5), of("quantiles", 600, 6e-5, batch=32, **ADAM),
        dict(lr=0.01), "a rate of 0.01",
    )
    add(
        k, "reviews-crawl", state(10),
        of("reviews", 600, 2e-5, batch=32, schedule="linear", warmup=30, evaluate=75),
        dict(lr=4e-3), "a peak of 0.004",
    )
    add(
        k, "waves-crawl", csv("slash", 10),
        of("waves", 700, 8e-5, batch=32, schedule="cosine", evaluate=100), dict(lr=5e-3),
        "a peak of 0.005",
    )

    k = "warmup_too_short"
    add(
        k, "shapes-cold", csv("slash", 1),
        of("shapes", 320, 0.3, batch=32, schedule="cosine", **MOMENTUM), dict(warmup=60),
        "a warm-up of 60 steps",
    )
    add(
        k, "reviews-cold", board("fairseq", 1),
        of("reviews", 360, 0.025, batch=48, schedule="linear", **ADAM), dict(warmup=80),
        "a warm-up of 80 steps",
    )
    add(
        k, "flow-cold", csv("iterations", 1),
        of("flow", 420, 0.13, batch=48, schedule="cosine", **ADAM), dict(warmup=80),
        "a warm-up of 80 steps",
    )
    add(
        k, "field-cold", csv("litgpt", 2, beside=["seconds"]),
        of("field", 400, 0.05, batch=64, schedule="cosine", warmup=2, **ADAM), dict(warmup=100),
        "a warm-up of 100 steps", "train",
    )
    add(
        k, "reviews-momentum-cold", board("sb3", 1),
        of("reviews", 360, 0.22, batch=48, schedule="cosine", **MOMENTUM), dict(warmup=80),
        "a warm-up of 80 steps",
    )
    add(
        k, "clicks-cold", csv("fairseq", 2),
        of("clicks", 500, 0.3, batch=96, schedule="cosine", **ADAM), dict(warmup=120),
        "a warm-up of 120 steps",
    )

    k = "d_stuck"
    add(
        k, "tones-d", csv("iterations", 5, extra=["d"], names=dict(d="d_hat")),
        of("tones", 400, 1.0, batch=48, optimizer="prodigy", settings=dict(d_coef=3e-4)),
        dict(settings={}), "d_coef of 1", "train",
    )
    add(
        k, "distill-d", board("sd-scripts", 3, extra=["d"], product=True),
        of("distill", 500, 1.0, batch=32, optimizer="prodigy", settings=dict(d_coef=1e-4)),
        dict(settings={}), "d_coef of 1", "train",
    )
    add(
        k, "remainders-d", csv("slash", 10, extra=["d"]),
        of(
            "remainders", 800, 1.0, batch=48, optimizer="prodigy", schedule="cosine", evaluate=100,
            settings=dict(d_coef=2e-4),
        ),
        dict(settings={}), "d_coef of 1", "train",
    )
    add(
        k, "shapes-d", csv("litgpt", 4, extra=["d"], beside=["seconds"]),
        of("shapes", 300, 5e-4, batch=32, optimizer="prodigy"), dict(lr=1.0), "a rate of 1", "train",
    )

    k = "d_still_rising"
    add(
        k, "quantiles-d-rising", csv("slash", 5, extra=["d"]),
        of("quantiles", 500, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.011)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "reviews-d-rising", board("sd-scripts", 4, extra=["d"], product=True),
        of("reviews", 420, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.011)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "clicks-d-rising", csv("iterations", 10, extra=["d"], names=dict(d="prodigy/d")),
        of("clicks", 800, 1.0, batch=64, optimizer="prodigy", settings=dict(growth_rate=1.008)),
        dict(settings={}), "d free to grow", "train",
    )
    add(
        k, "shapes-d-rising", board("flat", 2, extra=["d"]),
        of("shapes", 320, 1.0, batch=32, optimizer="prodigy", settings=dict(growth_rate=1.015)),
        dict(settings={}), "d free to grow", "train",
    )

    k = "schedule_ended_early"
    add(
        k, "remainders-ended", csv("metrics", 10, split=True),
        of("remainders", 1000, 4e-3, batch=48, schedule="cosine", horizon=350, evaluate=104),
        dict(horizon=None), "a schedule of 1,000 steps",
    )
    add(
        k, "markov-ended", csv("speedrun", 6),
        of("markov", 600, 4e-3, batch=32, schedule="linear", warmup=15, horizon=200, evaluate=60),
        dict(horizon=None), "a schedule of 600 steps",
    )
    add(
        k, "reviews-ended", state(8),
        of("reviews", 600, 2e-3, batch=32, schedule="linear", warmup=20, horizon=225, evaluate=75),
        dict(horizon=None), "a schedule of 600 steps",
    )
    add(
        k, "flow-ended", board("detectron", 5),
        of("flow", 900, 4e-3, batch=32, schedule="cosine", horizon=300, evaluate=150),
        dict(horizon=None), "a schedule of 900 steps",
    )

    k = "schedule_cut_off"
    add(
        k, "quantiles-cut", csv("speedrun", 5, beside=["dt"]),
        of("quantiles", 800, 0.12, batch=8, schedule="cosine", horizon=2400, **ADAM, evaluate=200),
        dict(horizon=None), "a schedule of 800 steps",
    )
    add(
        k, "remainders-cut", state(10),
        of("remainders", 900, 0.03, batch=24, schedule="linear", warmup=30, horizon=2500),
        dict(horizon=None), "a schedule of 900 steps",
    )
    add(
        k, "distill-cut", board("accelerate", 4),
        of("distill", 800, 0.05, batch=8, schedule="cosine", horizon=2000, **ADAM, evaluate=200),
        dict(horizon=None), "a schedule of 800 steps",
    )
    add(
        k, "clicks-cut", csv("summary", 125, mean=True),
        of("clicks", 125 * 20, 0.12, batch=64, schedule="cosine", horizon=125 * 60, **ADAM, evaluate=125),
        dict(horizon=None), "a schedule of 20 epochs",
    )
    add(
        k, "skipgram-cut", csv("iterations", 10),
        of("skipgram", 1200, 0.15, batch=32, schedule="linear", horizon=3000, **ADAM),
        dict(horizon=None), "a schedule of 1,200 steps",
    )

    k = "lr_not_logged"
    add(k, "shapes-prodigy", csv("iterations", 4), of("shapes", 300, 1.0, batch=32, **PRODIGY))
    add(k, "reviews-prodigy", state(10), of("reviews", 450, 1.0, batch=32, **PRODIGY, evaluate=75))
    add(k, "quantiles-dog", board("sd-scripts", 5), of("quantiles", 600, 1.0, batch=32, optimizer="dog"))
    add(
        k, "cloning-prodigy", csv("slash", 10),
        of("cloning", 900, 1.0, batch=32, optimizer="prodigy", settings=dict(safeguard_warmup=True)),
    )
