"""Faults of clipping, of the data, of the model, of number formats, of a resume."""

from ..cases import MOMENTUM, SGD, add, board, csv, of, state


def other_faults():
    k = "clip_too_tight"
    add(
        k, "mlp-clip", csv("norms", 1, clip_name="max_grad_norm"),
        of("digits_mlp", 500, 0.1, clip=0.02, **MOMENTUM), dict(clip=2.0), "a threshold of 2",
    )
    add(
        k, "cnn-clip", csv("long", 5, clip_name="clip_norm"),
        of("digits_cnn", 500, 0.2, clip=0.05, **SGD, evaluate=100), dict(clip=3.0), "a threshold of 3",
    )
    add(
        k, "regression-clip", board("short", 2, clip_name="clip_norm"),
        of("regression", 800, 0.1, clip=0.01, **MOMENTUM, evaluate=100), dict(clip=2.0),
        "a threshold of 2",
    )
    add(
        k, "lstm-clip", state(5), of("lstm", 500, 2.0, batch=8, clip=0.01, **MOMENTUM), dict(clip=1.0),
        "a threshold of 1",
    )

    k = "clip_idle"
    add(
        k, "mlp-idle", csv("norms", 1, clip_name="max_grad_norm"),
        of("digits_mlp", 500, 2e-3, schedule="cosine", clip=1000.0), dict(clip=None), "no clipping",
    )
    add(
        k, "gpt-idle", csv("long", 5, clip_name="clip_norm"),
        of("gpt", 500, 4e-3, batch=8, warmup=50, schedule="cosine", clip=100.0, evaluate=100),
        dict(clip=None), "no clipping",
    )
    add(
        k, "regression-idle", board("short", 5, clip_name="clip_norm"),
        of("regression", 800, 3e-3, schedule="linear", clip=500.0, evaluate=100), dict(clip=None),
        "no clipping",
    )
    add(
        k, "lstm-idle", board("hf", 5, clip_name="grad_clip"),
        of("lstm", 500, 0.01, batch=8, schedule="cosine", warmup=20, clip=50.0), dict(clip=None),
        "no clipping",
    )

    k = "loss_spikes"
    add(
        k, "mlp-bad-batches", csv("norms", 1),
        of(
            "digits_mlp", 600, 0.1, bad=dict(every=83, kind="inputs", scale=30.0), schedule="cosine",
            **MOMENTUM,
        ),
        dict(bad=None), "no broken batches",
    )
    add(
        k, "regression-outliers", board("flat", 1),
        of(
            "regression", 900, 5e-3, bad=dict(at=[211, 340, 555, 702, 860], kind="targets", scale=60.0),
            schedule="cosine", optimizer="adam", evaluate=100,
        ),
        dict(bad=None), "no broken batches",
    )
    add(
        k, "lstm-noise", csv("norms", 1, digits=4),
        of("lstm", 500, 3.0, batch=8, bad=dict(every=29, first=140, kind="text"), **MOMENTUM),
        dict(bad=None), "no noise among the texts", "train",
    )
    add(
        k, "cnn-wrong-labels", state(1), of("digits_cnn", 500, 0.01, bad=dict(every=70, kind="labels")),
        dict(bad=None), "no wrong labels",
    )
    add(
        k, "autoencoder-scaled", csv("long", 1),
        of("autoencoder", 600, 3e-3, bad=dict(every=131, kind="inputs", scale=25.0), evaluate=100),
        dict(bad=None), "no broken batches",
    )

    k = "plateau"
    add(
        k, "linear-floor", csv("plain", 5), of("linear", 2000, 0.1, batch=4, **SGD),
        dict(schedule="steps", drops=(0.4, 0.7)), "a rate that falls to a tenth at 40 % and at 70 %",
    )
    add(
        k, "autoencoder-narrow", csv("long", 10),
        of("autoencoder", 2000, 5e-3, evaluate=200, data=dict(bottleneck=2)),
        dict(data=dict(bottleneck=16)), "16 numbers in the middle, not 2",
    )
    add(
        k, "mlp-saddle", state(10),
        of(
            "digits_mlp", 800, 0.05, data=dict(hidden=(32, 32, 32), zero=0.003), optimizer="sgd",
            evaluate=100,
        ),
        dict(data=dict(hidden=(32, 32, 32))), "PyTorch's initial weights, not tiny ones",
    )
    add(
        k, "regression-straight", board("short", 10),
        of("regression", 1500, 0.01, data=dict(net=False), evaluate=150), dict(data=dict(hidden=(32,))),
        "a hidden layer",
    )
    add(
        k, "moons-flat", csv("epoch lr", 10),
        of("moons", 1500, 0.02, optimizer="adam", evaluate=125, data=dict(hidden=(1,))),
        dict(data=dict(hidden=(16, 16))), "16 hidden units, not one",
    )

    k = "overfitting"
    add(
        k, "mlp-few", csv("long", 10),
        of("digits_mlp", 1500, 1e-3, data=dict(examples=150, hidden=(128,), noise=0.2), evaluate=50),
        dict(data=dict(hidden=(128,), noise=0.2)), "1,437 examples, not 150",
    )
    add(
        k, "gpt-few", state(10), of("gpt", 700, 4e-3, batch=8, evaluate=50, data=dict(examples=120)),
        dict(data={}), "all of the text",
    )
    add(
        k, "regression-few", board("short", 5),
        of("regression", 1500, 5e-3, data=dict(examples=100, noise=0.5, hidden=(64,)), evaluate=50),
        dict(data=dict(examples=4000, noise=0.5, hidden=(64,))), "4,000 examples, not 100",
    )
    add(
        k, "noisy-labels", csv("epoch", 10),
        of("digits_mlp", 3000, 4e-3, data=dict(hidden=(256,), noise=0.4), evaluate=90),
        dict(logged=270), "only the first 270 steps",
    )
    add(
        k, "sparse-few", csv("epoch lr", 10),
        of("sparse", 1000, 5e-3, data=dict(examples=800), evaluate=50), dict(data=dict(examples=16000)),
        "16,000 examples, not 800",
    )

    k = "fp16_overflow"
    add(
        k, "mlp-eager-scale", csv("plain", 1),
        of(
            "digits_mlp", 400, 1e-3, precision="float16",
            scaler=dict(scale=65536.0, growth=2, dynamic=True),
        ),
        dict(scaler=dict(scale=1024.0, growth=2000, dynamic=True)),
        "a scale that grows every 2,000 steps", "train",
    )
    add(
        k, "cnn-fixed-scale", csv("norms", 5),
        of(
            "digits_cnn", 500, 1e-3, precision="float16",
            scaler=dict(scale=2.0**20, growth=2000, dynamic=False),
        ),
        dict(scaler=dict(scale=1024.0, growth=2000, dynamic=False)), "a scale of 1,024", "train",
    )
    add(
        k, "regression-fixed-scale", board("flat", 1),
        of(
            "regression", 700, 5e-3, precision="float16", data=dict(scale=3.0),
            scaler=dict(scale=2.0**15, growth=2000, dynamic=False),
        ),
        dict(scaler=dict(scale=128.0, growth=2000, dynamic=False)), "a scale of 128", "train",
    )
    add(
        k, "gpt-eager-scale", state(5),
        of(
            "gpt", 300, 3e-3, batch=8, precision="float16", warmup=20,
            scaler=dict(scale=65536.0, growth=1, dynamic=True),
        ),
        dict(scaler=dict(scale=1024.0, growth=2000, dynamic=True)),
        "a scale that grows every 2,000 steps", "train",
    )

    k = "nan"
    add(
        k, "missing-value", csv("plain", 1), of("missing", 300, 3e-3), dict(data=dict(missing=0)),
        "the row with the missing value left out",
    )
    add(
        k, "log-of-zero", csv("long", 1),
        of(
            "moons", 1500, 0.03, optimizer="adam", evaluate=150,
            data=dict(naive=True, spread=0.1, far=3.0),
        ),
        dict(data=dict(spread=0.1, far=3.0)), "the loss taken from logits",
    )
    add(
        k, "root-of-zero", board("short", 1), of("pairs", 200, 1e-3, data=dict(twins=1)),
        dict(data=dict(twins=1, eps=1e-8)), "1e-8 below the root",
    )
    add(
        k, "blank-picture", state(1), of("normalized", 200, 2e-3, data=dict(empty=1)),
        dict(data=dict(empty=1, eps=1e-5)), "1e-5 beside the deviation",
    )

    k = "updates_lost"
    add(
        k, "mlp-bfloat16", csv("plain", 5), of("digits_mlp", 800, 1e-4, precision="bfloat16"),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )
    add(
        k, "gpt-bfloat16", csv("long", 5),
        of("gpt", 500, 3e-4, batch=8, precision="bfloat16", evaluate=100),
        dict(precision="float32", lost=True), "weights in float32",
    )
    add(
        k, "finetune-bfloat16", board("hf", 5),
        of("finetune", 600, 3e-5, precision="bfloat16", evaluate=100),
        dict(precision="float32", lost=True), "weights in float32",
    )
    add(
        k, "regression-bfloat16", state(10),
        of("regression", 1200, 3e-4, precision="bfloat16", schedule="cosine"),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )

    k = "tensors_not_moving"
    add(
        k, "mlp-frozen", csv("plain", 5),
        of(
            "digits_mlp", 500, 2e-3, data=dict(hidden=(48, 48)), frozen=["0.", "2."], ratios=["weight"],
            schedule="cosine",
        ),
        dict(frozen=[]), "every tensor given to the optimizer", "train",
    )
    add(
        k, "gpt-frozen", csv("norms", 10),
        of(
            "gpt", 400, 4e-3, batch=8, frozen=["blocks.1", "head"],
            ratios=["qkv.weight", "up.weight", "head.weight", "token"], schedule="cosine", warmup=30,
        ),
        dict(frozen=[]), "every tensor given to the optimizer",
    )
    add(
        k, "lora-dead", board("flat", 5),
        of("lora_mlp", 400, 5e-3, data=dict(dead=True), ratios=[".a", ".b"], schedule="cosine"),
        dict(data={}), "one factor that begins at random numbers",
    )
    add(
        k, "cnn-frozen", board("short", 5),
        of(
            "digits_cnn", 400, 5e-3, frozen=["0.", "3."], ratios=["weight"], schedule="linear",
            evaluate=100,
        ),
        dict(frozen=[]), "every tensor given to the optimizer", "train",
    )

    k = "resume_jump"
    add(
        k, "gpt-resumed", csv("norms", 5),
        of(
            "gpt", 600, 0.02, batch=8, warmup=20, schedule="linear",
            forget=dict(at=480, what="state and schedule"),
        ),
        dict(forget=None), "Adam's state and the schedule kept",
    )
    add(
        k, "mlp-resumed", csv("plain", 1),
        of("digits_mlp", 400, 0.03, optimizer="adam", batch=128, forget=dict(at=370, what="state")),
        dict(forget=None), "Adam's state kept", "train",
    )
    add(
        k, "autoencoder-resumed", board("short", 1),
        of(
            "autoencoder", 500, 0.03, optimizer="adam", batch=128, forget=dict(at=400, what="state"),
            evaluate=100,
        ),
        dict(forget=None), "Adam's state kept",
    )
    add(
        k, "cnn-resumed", state(5),
        of(
            "digits_cnn", 500, 0.03, optimizer="adam", schedule="linear",
            forget=dict(at=350, what="state and schedule"), evaluate=50,
        ),
        dict(forget=None), "Adam's state and the schedule kept",
    )
    add(
        k, "mlp-restarted", csv("norms", 5),
        of(
            "digits_mlp", 500, 0.02, optimizer="adam", schedule="cosine",
            forget=dict(at=400, what="state and schedule"),
        ),
        dict(forget=None), "Adam's state and the schedule kept", "train",
    )

    k = "epoch_sawtooth"
    add(
        k, "mlp-sorted", csv("epoch", 1),
        of("digits_mlp", 450, 0.05, order="sorted", **SGD, evaluate=45), dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k, "regression-sorted", csv("epoch lr", 5),
        of("regression", 1250, 0.01, order="sorted", **SGD, evaluate=125), dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k, "sparse-sorted", state(5),
        of("sparse", 1500, 0.01, order="sorted", evaluate=375, data=dict(examples=12000)),
        dict(order="shuffled"), "shuffled data",
    )
    add(
        k, "cnn-sorted", board("short", 2), of("digits_cnn", 440, 2e-3, order="sorted", evaluate=44),
        dict(order="shuffled"), "shuffled data",
    )
