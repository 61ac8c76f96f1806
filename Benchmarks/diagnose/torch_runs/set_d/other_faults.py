"""Set D: faults of clipping, of the data, of the model, of number formats, of a resume."""

from ..cases import MOMENTUM, SGD, add, board, csv, of, state

ADAM = dict(optimizer="adam")


def scaler(scale, growth=2000, dynamic=True):
    return dict(scale=scale, growth=growth, dynamic=dynamic)


def other_faults():
    k = "clip_too_tight"
    add(
        k, "remainders-clip", csv("fairseq", 4, clip_name="clip_norm"),
        of("remainders", 800, 0.1, batch=48, clip=0.03, **MOMENTUM), dict(clip=2.0), "a threshold of 2",
    )
    add(
        k, "skipgram-clip", board("sb3", 5, names=dict(clip_norm="train/max_grad_norm")),
        of("skipgram", 900, 1.0, batch=64, clip=0.005, **MOMENTUM), dict(clip=1.0), "a threshold of 1",
    )
    add(
        k, "cloning-clip", csv("slash", 10, clip_name="grad_clip"),
        of("cloning", 900, 0.2, batch=32, clip=0.008, schedule="cosine", **MOMENTUM, evaluate=125),
        dict(clip=1.0), "a threshold of 1",
    )
    add(
        k, "shapes-clip", state(5),
        of("shapes", 320, 0.05, batch=32, clip=0.02, schedule="linear", **MOMENTUM),
        dict(clip=2.0), "a threshold of 2",
    )

    k = "clip_idle"
    add(
        k, "tones-idle", csv("slash", 5, clip_name="clip_value"),
        of("tones", 400, 6e-3, batch=48, schedule="cosine", clip=50.0, evaluate=100),
        dict(clip=None), "no clipping",
    )
    add(
        k, "quantiles-idle", board("fairseq", 4, names=dict(clip_norm="clip_norm")),
        of("quantiles", 600, 0.03, batch=32, schedule="linear", warmup=30, clip=10.0),
        dict(clip=None), "no clipping",
    )
    add(
        k, "markov-idle", csv("litgpt", 8, clip_name="max_norm", beside=["seconds"]),
        of("markov", 480, 6e-3, batch=32, schedule="cosine", warmup=24, clip=100.0),
        dict(clip=None), "no clipping",
    )
    add(
        k, "remainders-idle", state(10),
        of("remainders", 800, 8e-3, batch=48, schedule="linear", clip=40.0, evaluate=104),
        dict(clip=None), "no clipping",
    )

    k = "loss_spikes"
    add(
        k, "quantiles-typing-errors", csv("iterations", 1),
        of(
            "quantiles", 600, 0.03, batch=32, schedule="linear", floor=0.2, **ADAM,
            bad=dict(at=[130, 222, 341, 433, 520, 588], kind="targets", scale=30.0),
        ),
        dict(bad=None), "no broken batches",
    )
    add(
        k, "shapes-flash", board("detectron", 1),
        of("shapes", 340, 6e-3, batch=32, **ADAM, bad=dict(every=47, first=94, kind="inputs", scale=25.0)),
        dict(bad=None), "no broken batches",
    )
    add(
        k, "markov-garbage", csv("slash", 1),
        of("markov", 520, 8e-3, batch=24, bad=dict(every=43, first=129, kind="text", scale=1.0)),
        dict(bad=None), "no texts of noise",
    )
    add(
        k, "waves-loud", csv("speedrun", 2),
        of(
            "waves", 600, 4e-3, batch=32, schedule="cosine", floor=0.3, **ADAM,
            bad=dict(at=[140, 236, 318, 402, 510, 582], kind="targets", scale=8.0),
        ),
        dict(bad=None), "no broken batches",
    )
    add(
        k, "distill-mixed-up", board("accelerate", 2),
        of("distill", 640, 0.02, batch=32, **ADAM, bad=dict(every=64, first=128, kind="labels", scale=1.0)),
        dict(bad=None), "no rows mixed up",
    )

    k = "plateau"
    add(
        k, "matching-origin", csv("slash", 10),
        of("matching", 900, 0.01, batch=64, **SGD, data=dict(std=0.0, root=1e-6), evaluate=93),
        dict(data=dict(std=0.1, root=1e-6), lr=0.01, optimizer="adam"),
        "factors that begin at random numbers, and Adam",
    )
    add(
        k, "clicks-uncrossed", board("accelerate", 10),
        of("clicks", 1200, 0.03, batch=64, **ADAM, data=dict(std=0.0), evaluate=125),
        dict(data={}), "factors that begin at random numbers",
    )
    add(
        k, "waves-narrow", csv("metrics only", 10, split=True),
        of("waves", 1000, 3e-3, batch=50, schedule="cosine", **ADAM, data=dict(code=1), evaluate=50),
        dict(data={}), "eight numbers in the middle, not one",
    )
    add(
        k, "remainders-narrow", csv("capitals", 15),
        of("remainders", 1500, 0.01, batch=50, **ADAM, data=dict(hidden=2), evaluate=150),
        dict(data={}), "64 units, not two",
    )

    k = "overfitting"
    add(
        k, "remainders-few", csv("metrics", 10, split=True),
        of("remainders", 900, 6e-3, batch=30, **ADAM, data=dict(examples=180), evaluate=30),
        dict(data={}), "5,000 examples, not 180",
    )
    add(
        k, "tones-wrong", csv("summary", 15, mean=True),
        of("tones", 15 * 50, 6e-3, batch=40, data=dict(examples=600, wrong=0.3, width=16), evaluate=15),
        dict(data=dict(examples=600, width=16)), "right labels",
    )
    add(
        k, "reviews-few", state(5),
        of("reviews", 300, 4e-3, batch=24, data=dict(examples=240), evaluate=10, schedule="linear"),
        dict(data={}), "2,400 examples, not 240",
    )
    add(
        k, "quantiles-few", board("losses", 10),
        of("quantiles", 1500, 5e-3, batch=32, **ADAM, data=dict(examples=128, hidden=(96, 96)), evaluate=40),
        dict(data=dict(hidden=(96, 96))), "3,000 examples, not 128",
    )
    add(
        k, "clicks-few", csv("keras plain", 25, mean=True),
        of("clicks", 25 * 40, 0.02, batch=48, **ADAM, data=dict(examples=1200, rank=8), evaluate=25),
        dict(data=dict(rank=8)), "8,000 examples, not 1,200",
    )

    k = "fp16_overflow"
    add(
        k, "tones-growing", csv("slash", 1, names=dict(loss_scale="scale", skipped="inf_grads")),
        of("tones", 150, 1e-3, batch=48, precision="float16", scaler=scaler(2.0**18, 2)),
        dict(scaler=scaler(1024.0)), "a scale that grows every 2,000 steps", "train",
    )
    add(
        k, "cloning-fixed", board("fairseq", 3, names=dict(loss_scale="loss_scale", skipped="overflows")),
        of("cloning", 420, 1e-3, batch=32, precision="float16", scaler=scaler(2.0**18, dynamic=False)),
        dict(scaler=scaler(512.0, dynamic=False)), "a scale of 512", "train",
    )
    add(
        k, "remainders-growing", csv("iterations", 4),
        of("remainders", 480, 2e-3, batch=48, precision="float16", scaler=scaler(2.0**19, 2), **ADAM),
        dict(scaler=scaler(1024.0)), "a scale that grows every 2,000 steps", "train",
    )
    add(
        k, "waves-sum", state(5),
        of("waves", 360, 5e-4, batch=32, precision="float16", scaler=scaler(1024.0, 3)),
        dict(scaler=scaler(8.0)), "a scale that grows every 2,000 steps", "train",
    )

    k = "nan"
    add(
        k, "survival-day-nought", csv("fairseq", 3), of("survival", 400, 4e-3, batch=10, data=dict(zero=1)),
        dict(data={}), "the part without a day left out",
    )
    add(
        k, "tones-silent", board("losses", 2),
        of("tones", 300, 4e-3, batch=9, data=dict(silent=1, norm=False), evaluate=100),
        dict(data=dict(norm=False)), "the silent recording left out",
    )
    add(
        k, "prices-for-nothing", csv("metrics", 5, split=True),
        of("prices", 500, 3e-3, batch=8, data=dict(lost=1, log=True), evaluate=125),
        dict(data=dict(log=True)), "the house without a price left out",
    )
    add(
        k, "matching-itself", csv("only losses", 10),
        of("matching", 900, 0.01, batch=8, **ADAM, data=dict(twins=1), seed=3),
        dict(data=dict(root=1e-9)), "1e-9 below the root",
    )

    k = "updates_lost"
    add(
        k, "cloning-bfloat16", csv("slash", 5),
        of("cloning", 700, 1e-4, batch=32, precision="bfloat16", **ADAM),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )
    add(
        k, "flow-bfloat16", board("accelerate", 4),
        of("flow", 500, 2e-4, batch=32, precision="bfloat16", schedule="cosine", evaluate=125),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )
    add(
        k, "remainders-bfloat16", state(10),
        of("remainders", 900, 3e-4, batch=48, precision="bfloat16", schedule="linear", warmup=20),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )
    add(
        k, "shapes-bfloat16", csv("iterations", 3),
        of("shapes", 300, 1e-4, batch=32, precision="bfloat16"),
        dict(precision="float32", lost=True), "weights in float32", "train",
    )

    k = "tensors_not_moving"
    add(
        k, "remainders-forgotten", csv("slash", 10),
        of(
            "remainders", 700, 3e-3, batch=48, frozen=["embed", "out.0"], schedule="cosine",
            data=dict(width=4), ratios=["embed.weight", "out.0.weight", "out.2.weight"],
        ),
        dict(frozen=[]), "every tensor given to the optimizer", "train",
    )
    add(
        k, "reviews-forgotten", board("accelerate", 5),
        of(
            "reviews", 400, 4e-3, batch=32, frozen=["encoder", "embed"], schedule="linear",
            ratios=["linear1.weight", "in_proj_weight", "classifier.weight", "embed.weight"],
        ),
        dict(frozen=[]), "every tensor given to the optimizer",
    )
    add(
        k, "markov-dead", csv("iterations", 4),
        of(
            "markov", 400, 5e-3, batch=32, data=dict(begun=150, near=0.8, rank=4, dead=True),
            ratios=[".a", ".b"], schedule="cosine",
        ),
        dict(data=dict(begun=150, near=0.8, rank=4)), "one factor that begins at random numbers",
    )
    add(
        k, "shapes-forgotten", board("detectron", 4),
        of("shapes", 320, 4e-3, batch=32, frozen=["0.", "2."], ratios=["weight"]),
        dict(frozen=[]), "every tensor given to the optimizer", "train",
    )

    k = "resume_jump"
    for name, log, run in [
        ("quantiles", csv("slash", 2), of("quantiles", 600, 0.08, batch=128, schedule="cosine", **ADAM)),
        ("remainders", state(5), of("remainders", 700, 0.03, batch=128, schedule="linear", **ADAM)),
        ("skipgram", csv("iterations", 4), of("skipgram", 700, 0.12, batch=160, schedule="cosine", **ADAM)),
        ("distill", board("accelerate", 2), of("distill", 560, 0.12, batch=128, schedule="linear", **ADAM)),
        (
            "clicks", csv("fairseq", 5),
            of("clicks", 800, 0.15, batch=200, schedule="cosine", warmup=30, **ADAM),
        ),
        ("flow", board("detectron", 4), of("flow", 560, 0.05, batch=128, schedule="cosine", **ADAM)),
    ]:
        run["forget"] = dict(at=run["steps"] * 3 // 4, what="state and schedule")
        add(k, name + "-resumed", log, run, dict(forget=None), "Adam's state and the schedule kept")
    add(
        k, "field-resumed", csv("only losses", 1),
        of("field", 440, 5e-3, batch=128, **ADAM, forget=dict(at=330, what="state")),
        dict(forget=None), "Adam's state kept", "train",
    )

    k = "epoch_sawtooth"
    add(
        k, "quantiles-sorted", csv("iterations", 2),
        of("quantiles", 480, 0.01, batch=50, order="sorted", **ADAM), dict(order="shuffled"), "shuffled data",
    )
    add(
        k, "shapes-sorted", board("sb3", 2),
        of("shapes", 300, 4e-3, batch=24, order="sorted"), dict(order="shuffled"), "shuffled data",
    )
    add(
        k, "distill-sorted", csv("slash", 5),
        of("distill", 900, 0.1, batch=24, order="sorted", **SGD, evaluate=125), dict(order="shuffled"),
        "shuffled data",
    )
    add(
        k, "tones-sorted", state(4),
        of("tones", 480, 3e-3, batch=30, order="sorted", data=dict(norm=False)), dict(order="shuffled"),
        "shuffled data",
    )
