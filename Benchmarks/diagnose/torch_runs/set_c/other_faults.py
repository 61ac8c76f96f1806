"""Set C: faults of clipping, of the data, of the model, of number formats, of a resume."""

from ..cases import MOMENTUM, SGD, add, board, csv, of, state


def other_faults():
    k = "clip_too_tight"
    add(
        k,
        "window-clip",
        csv("own", 2, clip_name="grad_clip"),
        of("window", 800, 0.05, batch=24, clip=0.03, **MOMENTUM),
        dict(clip=2.0),
        "a threshold of 2",
    )
    add(
        k,
        "counts-clip",
        csv("wandb", 4, clip_name="max_grad_norm"),
        of("counts", 700, 0.02, batch=40, clip=0.02, **MOMENTUM, evaluate=100),
        dict(clip=5.0),
        "a threshold of 5",
    )
    add(
        k,
        "vae-clip",
        board("flat", 3, names=dict(clip_norm="gradient_clip_val")),
        of("vae", 600, 4e-3, batch=32, clip=0.1, **MOMENTUM),
        dict(clip=20.0),
        "a threshold of 20",
    )

    k = "clip_idle"
    add(
        k,
        "tabular-idle",
        csv("wandb", 2, clip_name="clip_threshold"),
        of("tabular", 520, 4e-3, batch=64, schedule="cosine", warmup=20, clip=100.0, evaluate=92),
        dict(clip=None),
        "no clipping",
    )
    add(
        k,
        "forecast-idle",
        board("nemo", 4, names=dict(clip_norm="gradient_clip_val")),
        of("forecast", 720, 8e-3, batch=32, schedule="linear", clip=25.0, evaluate=120),
        dict(clip=None),
        "no clipping",
    )
    add(
        k,
        "vit-idle",
        csv("own", 3, clip_name="max_grad_norm"),
        of("vit", 420, 0.006, batch=32, schedule="cosine", warmup=20, clip=200.0),
        dict(clip=None),
        "no clipping",
    )

    k = "loss_spikes"
    add(
        k,
        "forecast-sensor",
        csv("own", 1),
        of(
            "forecast",
            700,
            6e-3,
            batch=32,
            schedule="cosine",
            bad=dict(at=[160, 298, 371, 520, 655], kind="inputs", scale=40.0),
        ),
        dict(bad=None),
        "no broken batches",
    )
    add(
        k,
        "residual-mislabelled",
        board("nemo", 1),
        of(
            "residual",
            480,
            0.05,
            batch=48,
            schedule="linear",
            bad=dict(every=59, first=118, kind="labels"),
            **MOMENTUM
        ),
        dict(bad=None),
        "no wrong labels",
    )
    add(
        k,
        "diffusion-outliers",
        csv("global", 1),
        of(
            "diffusion",
            620,
            4e-3,
            batch=32,
            bad=dict(at=[140, 233, 310, 417, 498, 590], kind="targets", scale=20.0),
        ),
        dict(bad=None),
        "no broken batches",
    )

    k = "plateau"
    add(
        k,
        "ratings-flat",
        csv("nanogpt", 10),
        of("ratings", 1600, 0.02, batch=96, optimizer="adam", data=dict(rank=1, std=0.0), evaluate=200),
        dict(data=dict(rank=6, std=0.2)),
        "six factors that begin at random numbers, not one at nought",
    )
    add(
        k,
        "spirals-dead",
        board("tutorial", 8),
        of("spirals", 900, 0.02, batch=50, data=dict(gain=1e-4, hidden=(32, 32, 32)), **SGD, evaluate=90),
        dict(data=dict(hidden=(32, 32, 32))),
        "PyTorch's initial weights, not tiny ones",
    )
    add(
        k,
        "spirals-straight",
        csv("lightning", 6, split=True),
        of("spirals", 1000, 0.02, batch=50, optimizer="adam", data=dict(hidden=(1,)), evaluate=120),
        dict(data={}),
        "two layers of 32 units, not one unit",
    )

    k = "overfitting"
    add(
        k,
        "window-few",
        csv("nanogpt", 10),
        of("window", 1000, 4e-3, batch=32, evaluate=50, data=dict(examples=700), optimizer="adam"),
        dict(data={}),
        "all of the text",
    )
    add(
        k,
        "vit-few",
        board("lightning", 6),
        of("vit", 600, 4e-3, batch=24, evaluate=30, warmup=20, data=dict(examples=150)),
        dict(data={}),
        "1,437 examples, not 150",
    )
    add(
        k,
        "tabular-wrong",
        csv("keras", 20, mean=True),
        of(
            "tabular",
            1200,
            4e-3,
            batch=50,
            evaluate=20,
            data=dict(examples=1000, wrong=0.25, hidden=(96, 96)),
            optimizer="adam",
        ),
        dict(data=dict(examples=1000, wrong=0.0, hidden=(96, 96))),
        "right labels",
    )

    k = "fp16_overflow"
    add(
        k,
        "vit-growing",
        csv("own", 1, names=dict(loss_scale="scaler_scale", skipped="found_inf")),
        of(
            "vit",
            240,
            3e-3,
            batch=32,
            warmup=16,
            precision="float16",
            scaler=dict(scale=65536.0, growth=2, dynamic=True),
        ),
        dict(scaler=dict(scale=1024.0, growth=2000, dynamic=True)),
        "a scale that grows every 2,000 steps",
        "train",
    )
    add(
        k,
        "residual-fixed",
        board("megatron", 2, names=dict(loss_scale="loss-scale", skipped="overflow")),
        of(
            "residual",
            420,
            2e-3,
            batch=32,
            precision="float16",
            scaler=dict(scale=2.0**17, growth=2000, dynamic=False),
        ),
        dict(scaler=dict(scale=512.0, growth=2000, dynamic=False)),
        "a scale of 512",
        "train",
    )
    add(
        k,
        "tabular-growing",
        csv("global", 2),
        of(
            "tabular",
            420,
            8e-4,
            batch=48,
            precision="float16",
            data=dict(norm=None),
            scaler=dict(scale=32768.0, growth=2, dynamic=True),
        ),
        dict(scaler=dict(scale=64.0, growth=2000, dynamic=True)),
        "a scale that grows every 2,000 steps",
        "train",
    )

    k = "nan"
    add(
        k,
        "sensor-gap",
        csv("wandb", 2),
        of("gaps", 500, 3e-3, batch=10, seed=5),
        dict(data=dict(gap=0)),
        "the row with the gap left out",
    )
    add(
        k,
        "zero-log-zero",
        board("tutorial", 1),
        of("entropy", 300, 4e-3, batch=20),
        dict(data=dict(safe=True)),
        "kl_div, which takes 0 · log 0 as 0",
    )
    add(
        k,
        "triplet-root",
        state(2),
        of("triplets", 320, 3e-3, batch=8, seed=8, data=dict(root=True), evaluate=65),
        dict(data={}),
        "1e-9 below the root",
    )

    k = "updates_lost"
    add(
        k,
        "tabular-bfloat16",
        csv("own", 4),
        of("tabular", 600, 1e-4, batch=48, precision="bfloat16", optimizer="adam"),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )
    add(
        k,
        "residual-bfloat16",
        board("nemo", 5),
        of(
            "residual",
            500,
            1e-4,
            batch=32,
            precision="bfloat16",
            warmup=20,
            schedule="cosine",
            evaluate=100,
        ),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )
    add(
        k,
        "vae-bfloat16",
        state(6),
        of("vae", 600, 1e-4, batch=32, precision="bfloat16"),
        dict(precision="float32", lost=True),
        "weights in float32",
        "train",
    )

    k = "tensors_not_moving"
    add(
        k,
        "residual-forgotten",
        csv("own", 4),
        of(
            "residual",
            420,
            2e-3,
            batch=32,
            frozen=["blocks.1", "blocks.2", "stem"],
            schedule="cosine",
            ratios=[
                "blocks.0.0.weight",
                "blocks.1.0.weight",
                "blocks.2.0.weight",
                "stem.weight",
                "head.weight",
            ],
        ),
        dict(frozen=[]),
        "every tensor given to the optimizer",
        "train",
    )
    add(
        k,
        "vit-forgotten",
        board("flat", 6),
        of(
            "vit",
            420,
            6e-3,
            batch=32,
            warmup=20,
            frozen=["encoder", "patch"],
            schedule="linear",
            ratios=["linear1.weight", "in_proj_weight", "patch.weight", "head.weight", "place"],
        ),
        dict(frozen=[]),
        "every tensor given to the optimizer",
    )
    add(
        k,
        "transfer-dead",
        csv("global", 2),
        of(
            "transfer",
            400,
            5e-3,
            batch=32,
            data=dict(rank=4, dead=True),
            ratios=[".a", ".b", "head.weight"],
            schedule="cosine",
        ),
        dict(data=dict(rank=4)),
        "one factor that begins at random numbers",
    )

    k = "resume_jump"
    add(
        k,
        "window-resumed",
        csv("own", 4),
        of(
            "window",
            600,
            0.04,
            batch=96,
            schedule="linear",
            optimizer="adam",
            forget=dict(at=450, what="state and schedule"),
        ),
        dict(forget=None),
        "Adam's state and the schedule kept",
    )
    add(
        k,
        "forecast-resumed",
        board("tutorial", 2),
        of(
            "forecast",
            600,
            0.03,
            batch=128,
            optimizer="adam",
            schedule="cosine",
            forget=dict(at=450, what="state and schedule"),
            evaluate=100,
        ),
        dict(forget=None),
        "Adam's state and the schedule kept",
    )
    add(
        k,
        "vit-resumed",
        state(4),
        of(
            "vit",
            480,
            0.012,
            batch=96,
            optimizer="adam",
            schedule="cosine",
            forget=dict(at=380, what="state and schedule"),
        ),
        dict(forget=None),
        "Adam's state and the schedule kept",
    )
    add(
        k,
        "residual-resumed",
        csv("global", 1),
        of("residual", 360, 4e-3, batch=128, optimizer="adam", forget=dict(at=270, what="state")),
        dict(forget=None),
        "Adam's state kept",
        "train",
    )

    k = "epoch_sawtooth"
    add(
        k,
        "tabular-sorted",
        csv("wandb", 2),
        of("tabular", 500, 0.03, batch=60, order="sorted", **SGD, data=dict(norm=None), evaluate=50),
        dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k,
        "vit-sorted",
        board("nemo", 3),
        of("vit", 440, 2e-3, batch=32, order="sorted", evaluate=88),
        dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k,
        "counts-sorted",
        csv("own", 2),
        of("counts", 600, 0.01, batch=50, order="sorted", optimizer="adam"),
        dict(order="shuffled"),
        "shuffled data",
    )
