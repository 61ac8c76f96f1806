"""Set C: runs that have no fault."""

from ..cases import MOMENTUM, PRODIGY, SGD, add, board, csv, of, state

NESTEROV = dict(optimizer="sgd", settings=dict(momentum=0.9, nesterov=True, weight_decay=5e-4))


def healthy():
    h = lambda name, log, run, judge="held": add("healthy", name, log, run, judge=judge)
    h(
        "tabular-one-cycle",
        csv("lightning", 10, split=True),
        of("tabular", 560, 0.02, batch=64, schedule="one-cycle", evaluate=46, optimizer="adamw"),
    )
    h(
        "tabular-nesterov",
        board("tutorial", 4),
        of("tabular", 460, 0.05, batch=64, schedule="steps", **NESTEROV, evaluate=46),
    )
    h(
        "tabular-keras",
        csv("keras", 23, mean=True),
        of("tabular", 23 * 26, 2e-3, batch=128, evaluate=23, schedule="cosine", optimizer="adam"),
    )
    h(
        "spirals-adam",
        csv("global", 2),
        of("spirals", 1300, 0.03, batch=50, schedule="cosine", optimizer="adam"),
    )
    h(
        "spirals-square",
        board("lightning", 20),
        of("spirals", 1500, 0.04, batch=48, schedule="square", evaluate=155, optimizer="nadam"),
    )
    h(
        "gru-nanogpt",
        csv("nanogpt", 4),
        of("gru", 480, 0.02, batch=12, schedule="cosine", warmup=24, floor=0.1, clip=1.0, evaluate=120),
    )
    h(
        "gru-rmsprop",
        state(8),
        of("gru", 400, 0.008, batch=12, schedule="linear", optimizer="rmsprop", warmup=16),
    )
    h("window-sgd", csv("own", 1), of("window", 900, 0.4, batch=24, schedule="linear", **SGD))
    h(
        "window-adagrad",
        board("nemo", 15),
        of("window", 1200, 0.05, batch=40, optimizer="adagrad", evaluate=150),
    )
    h(
        "window-small-batch",
        csv("wandb", 1),
        of("window", 800, 4e-3, batch=4, schedule="cosine", floor=0.1, optimizer="adam"),
    )
    h(
        "vit-wandb",
        csv("wandb", 5),
        of("vit", 480, 0.006, batch=32, schedule="cosine", warmup=30, clip=2.0, evaluate=80),
    )
    h(
        "vit-dropout",
        state(12),
        of("vit", 540, 0.01, batch=24, schedule="linear", warmup=36, data=dict(dropout=0.1), evaluate=118),
    )
    h(
        "ratings-adamw",
        csv("timm", 187, mean=True),
        of(
            "ratings",
            187 * 14,
            0.012,
            batch=64,
            evaluate=187,
            schedule="cosine",
            settings=dict(weight_decay=0.02),
            data=dict(std=0.2),
        ),
    )
    h(
        "ratings-biases",
        board("flat", 12),
        of("ratings", 1100, 0.02, batch=128, schedule="linear", data=dict(std=0.2), optimizer="adam"),
    )
    h(
        "counts-adamax",
        csv("global", 3),
        of("counts", 700, 0.04, batch=40, schedule="cosine", optimizer="adamax"),
    )
    h(
        "counts-sgd",
        board("tutorial", 10),
        of("counts", 900, 0.02, batch=60, schedule="cosine", warmup=20, clip=5.0, **MOMENTUM, evaluate=150),
    )
    h(
        "diffusion-noisy",
        board("diffusers", 1),
        of("diffusion", 700, 4e-3, batch=16, warmup=30, optimizer="adamw"),
    )
    h(
        "diffusion-cosine",
        csv("kohya", 5, mean=True),
        of("diffusion", 900, 6e-3, batch=32, schedule="cosine", warmup=45),
    )
    h("vae-constant", csv("own", 3), of("vae", 500, 4e-3, batch=48, optimizer="adam"))
    h(
        "vae-exponential",
        board("megatron", 6),
        of("vae", 720, 8e-3, batch=36, schedule="exponential", evaluate=120),
    )
    h(
        "residual-radam",
        csv("lightning", 7, split=True),
        of("residual", 420, 9e-3, batch=40, optimizer="radam", schedule="wsd", evaluate=70),
    )
    h(
        "residual-large-batch",
        csv("own", 1, digits=4),
        of("residual", 220, 6e-3, batch=256, schedule="cosine", warmup=12),
    )
    h(
        "forecast-huber",
        csv("nanogpt", 8),
        of("forecast", 900, 4e-3, batch=32, schedule="cosine", evaluate=150, data=dict(length=6000)),
    )
    h(
        "forecast-accumulated",
        state(6),
        of("forecast", 420, 0.012, batch=16, accumulate=4, schedule="linear", warmup=12),
    )
    h(
        "triplets-margin",
        csv("global", 1),
        of("triplets", 420, 4e-3, batch=48, schedule="cosine", warmup=10),
    )
    h(
        "transfer-low",
        board("hf", 4),
        of("transfer", 360, 0.018, batch=28, schedule="linear", warmup=18, evaluate=72),
    )
    h(
        "transfer-lora",
        csv("kohya", 2),
        of("transfer", 460, 0.02, batch=32, schedule="cosine", warmup=23, data=dict(rank=4)),
    )
    h(
        "ridge-sgd",
        csv("global", 1),
        of("ridge", 500, 1.0, batch=24, schedule="inverse-root", warmup=25, **SGD),
    )
    h(
        "residual-prodigy",
        csv("kohya", 3, extra=["d"], names=dict(d="prodigy_d")),
        of("residual", 360, 1.0, batch=32, **PRODIGY, schedule="cosine"),
    )
    h(
        "vit-half",
        csv("own", 2, names=dict(loss_scale="grad_scale")),
        of(
            "vit",
            360,
            0.01,
            batch=32,
            warmup=20,
            schedule="cosine",
            precision="float16",
            scaler=dict(scale=65536.0, growth=150, dynamic=True),
        ),
    )
