"""The table of runs: what is trained, what is wrong with it, what mends it, and how it is logged.

`judge` says by what a run and its mended twin are compared: the final loss on the held-out data, on the
training data, or the mean of the last tenth of the logged losses (`late`).
"""

from dataclasses import dataclass

from torch import nn


@dataclass
class Case:
    label: str
    name: str
    run: dict
    mend: dict
    log: tuple
    judge: str = "held"
    mended: str = ""  # what the twin has otherwise, in words


CASES = []


def add(label, name, log, run, mend=None, mended="", judge="held"):
    CASES.append(Case(label, name, run, mend or {}, log, judge, mended))


def csv(style, every=1, **more):
    return ("csv", style, every, more)


def board(style, every=1, **more):
    return ("tensorboard", style, every, more)


def state(every=10, **more):
    return ("trainer_state", "", every, more)


def of(task, steps, lr, /, **rest):
    data = rest.pop("data", {})
    return dict(task=task, steps=steps, lr=lr, data=data) | rest


SGD = dict(optimizer="sgd")
MOMENTUM = dict(optimizer="sgd", settings=dict(momentum=0.9))


def faults():
    # The rate is too high for the loss to settle, though it does not diverge.
    k = "lr_too_high"
    add(k, "mlp-sgd-hot", csv("plain"), of("digits_mlp", 600, 0.3, data=dict(hidden=(64, 64)), **MOMENTUM), dict(lr=0.03), "a rate of 0.03")
    add(k, "cnn-adam-hot", csv("long", 5), of("digits_cnn", 500, 0.08, optimizer="adam", evaluate=50), dict(lr=0.003), "a rate of 0.003")
    add(k, "regression-hot", board("short", 1), of("regression", 800, 0.15, optimizer="adam", evaluate=100), dict(lr=0.005), "a rate of 0.005")
    add(k, "gpt-hot", state(10), of("gpt", 500, 0.06, batch=8, warmup=50, schedule="cosine", floor=0.1), dict(lr=0.004), "a rate of 0.004")
    add(k, "lstm-hot", csv("long", 10), of("lstm", 500, 0.3, batch=8, optimizer="adam", evaluate=100), dict(lr=0.01), "a rate of 0.01")
    add(k, "cnn-sgd-hot", csv("norms", 1), of("digits_cnn", 500, 0.2, schedule="cosine", floor=0.3, **MOMENTUM), dict(lr=0.02), "a peak of 0.02")

    k = "diverged"
    add(k, "gpt-rising", csv("norms", 5), of("gpt", 600, 2.0, batch=8, warmup=600, data=dict(pre=False)), dict(lr=0.004, warmup=60), "a peak of 0.004")
    add(k, "linear-blows-up", csv("plain", 1, digits=None), of("linear", 60, 2.0, data=dict(condition=2), stop=True, **SGD), dict(lr=0.05), "a rate of 0.05", "train")
    add(k, "mlp-late", board("hf", 5), of("digits_mlp", 800, 3.0, warmup=800, **MOMENTUM, evaluate=100), dict(lr=0.1), "a peak of 0.1")
    add(k, "lstm-sgd", state(5), of("lstm", 400, 60.0, batch=8, **MOMENTUM), dict(lr=1.0), "a rate of 1")
    add(k, "regression-momentum", csv("long", 1), of("regression", 400, 0.35, optimizer="sgd", settings=dict(momentum=0.95), evaluate=50, stop=True, data=dict(activation=nn.ReLU)), dict(lr=0.01), "a rate of 0.01")

    k = "lr_too_low"
    add(k, "mlp-crawl", csv("plain", 5), of("digits_mlp", 800, 1e-5), dict(lr=1e-3), "a rate of 0.001")
    add(k, "gpt-crawl", state(10), of("gpt", 600, 4e-5, batch=8, schedule="cosine", warmup=30), dict(lr=4e-3), "a peak of 0.004")
    add(k, "regression-crawl", csv("long", 10), of("regression", 1500, 3e-5, evaluate=100), dict(lr=3e-3), "a rate of 0.003")
    add(k, "cnn-sgd-crawl", board("short", 5), of("digits_cnn", 500, 2e-3, **SGD, evaluate=100), dict(lr=0.2), "a rate of 0.2")
    add(k, "sparse-crawl", csv("epoch lr", 10), of("sparse", 1000, 5e-5, evaluate=125), dict(lr=5e-3), "a rate of 0.005")
    add(k, "autoencoder-slow", csv("plain", 1), of("autoencoder", 600, 1e-4), dict(lr=6e-3), "a rate of 0.006")
    add(k, "mlp-slow", state(5), of("digits_mlp", 500, 1.5e-4, warmup=20, schedule="linear", evaluate=50), dict(lr=0.01), "a peak of 0.01")

    k = "warmup_too_short"
    add(k, "lstm-no-warmup", csv("norms", 1), of("lstm", 400, 8.0, batch=8, schedule="cosine", **MOMENTUM), dict(warmup=80), "a warm-up of 80 steps")
    add(k, "mlp-no-warmup", csv("plain", 1), of("digits_mlp", 400, 0.08, optimizer="adam", schedule="cosine", data=dict(hidden=(64, 64, 64))), dict(warmup=60), "a warm-up of 60 steps")
    add(k, "wide-no-warmup", board("hf", 1), of("digits_mlp", 400, 0.07, schedule="cosine", optimizer="adam", data=dict(hidden=(128, 128)), evaluate=50), dict(warmup=60), "a warm-up of 60 steps")
    add(k, "regression-no-warmup", csv("long", 2), of("regression", 500, 0.1, warmup=2, optimizer="adam", schedule="cosine", data=dict(hidden=(64, 64)), evaluate=50), dict(warmup=80), "a warm-up of 80 steps")
    add(k, "norm-no-warmup", state(1), of("digits_mlp", 400, 0.5, schedule="cosine", data=dict(hidden=(64, 64), norm=True), **MOMENTUM), dict(warmup=60), "a warm-up of 60 steps")

    k = "clip_too_tight"
    add(k, "mlp-clip", csv("norms", 1, clip_name="max_grad_norm"), of("digits_mlp", 500, 0.1, clip=0.02, **MOMENTUM), dict(clip=2.0), "a threshold of 2")
    add(k, "cnn-clip", csv("long", 5, clip_name="clip_norm"), of("digits_cnn", 500, 0.2, clip=0.05, **SGD, evaluate=100), dict(clip=3.0), "a threshold of 3")
    add(k, "regression-clip", board("short", 2, clip_name="clip_norm"), of("regression", 800, 0.1, clip=0.01, **MOMENTUM, evaluate=100), dict(clip=2.0), "a threshold of 2")
    add(k, "lstm-clip", state(5), of("lstm", 500, 2.0, batch=8, clip=0.01, **MOMENTUM), dict(clip=1.0), "a threshold of 1")

    k = "clip_idle"
    add(k, "mlp-idle", csv("norms", 1, clip_name="max_grad_norm"), of("digits_mlp", 500, 2e-3, schedule="cosine", clip=1000.0), dict(clip=None), "no clipping")
    add(k, "gpt-idle", csv("long", 5, clip_name="clip_norm"), of("gpt", 500, 4e-3, batch=8, warmup=50, schedule="cosine", clip=100.0, evaluate=100), dict(clip=None), "no clipping")
    add(k, "regression-idle", board("short", 5, clip_name="clip_norm"), of("regression", 800, 3e-3, schedule="linear", clip=500.0, evaluate=100), dict(clip=None), "no clipping")

    k = "loss_spikes"
    add(k, "mlp-bad-batches", csv("norms", 1), of("digits_mlp", 600, 0.1, bad=dict(every=83, kind="inputs", scale=30.0), schedule="cosine", **MOMENTUM), dict(bad=None), "no broken batches")
    add(k, "regression-outliers", board("flat", 1), of("regression", 900, 5e-3, bad=dict(at=[211, 340, 555, 702, 860], kind="targets", scale=60.0), schedule="cosine", optimizer="adam", evaluate=100), dict(bad=None), "no broken batches")
    add(k, "gpt-noise", csv("norms", 1), of("gpt", 500, 8e-3, batch=8, warmup=40, bad=dict(every=31, first=150, kind="text")), dict(bad=None), "no noise among the texts")
    add(k, "cnn-wrong-labels", state(1), of("digits_cnn", 500, 0.01, bad=dict(every=70, kind="labels")), dict(bad=None), "no wrong labels")
    add(k, "autoencoder-scaled", csv("long", 1), of("autoencoder", 600, 3e-3, bad=dict(every=131, kind="inputs", scale=25.0), evaluate=100), dict(bad=None), "no broken batches")

    k = "plateau"
    add(k, "linear-floor", csv("plain", 5), of("linear", 2000, 0.1, batch=4, **SGD), dict(schedule="steps", drops=(0.4, 0.7)), "a rate that falls to a tenth at 40 % and at 70 %")
    add(k, "autoencoder-narrow", csv("long", 10), of("autoencoder", 2000, 3e-3, schedule="cosine", evaluate=200, data=dict(bottleneck=2)), dict(data=dict(bottleneck=16)), "16 numbers in the middle, not 2")
    add(k, "mlp-saddle", state(10), of("digits_mlp", 800, 0.05, data=dict(hidden=(32, 32, 32), zero=0.003), optimizer="sgd", evaluate=100), dict(data=dict(hidden=(32, 32, 32))), "PyTorch's initial weights, not tiny ones")
    add(k, "regression-straight", board("short", 10), of("regression", 1500, 0.01, data=dict(net=False), evaluate=150), dict(data=dict(hidden=(32,))), "a hidden layer")
    add(k, "moons-flat", csv("epoch lr", 10), of("moons", 1500, 0.02, optimizer="adam", evaluate=125, data=dict(hidden=(1,))), dict(data=dict(hidden=(16, 16))), "16 hidden units, not one")

    k = "overfitting"
    add(k, "mlp-few", csv("long", 10), of("digits_mlp", 1500, 1e-3, data=dict(examples=150, hidden=(128,), noise=0.2), evaluate=50), dict(data=dict(hidden=(128,), noise=0.2)), "1,437 examples, not 150")
    add(k, "gpt-few", state(10), of("gpt", 700, 4e-3, batch=8, evaluate=50, data=dict(examples=120)), dict(data={}), "all of the text")
    add(k, "regression-few", board("short", 5), of("regression", 1500, 5e-3, data=dict(examples=100, noise=0.5, hidden=(64,)), evaluate=50), dict(data=dict(examples=4000, noise=0.5, hidden=(64,))), "4,000 examples, not 100")
    add(k, "noisy-labels", csv("epoch", 10), of("digits_mlp", 3000, 4e-3, data=dict(hidden=(256,), noise=0.4), evaluate=90), dict(logged=270), "only the first 270 steps")
    add(k, "sparse-few", csv("epoch lr", 10), of("sparse", 1000, 5e-3, data=dict(examples=800), evaluate=50), dict(data=dict(examples=16000)), "16,000 examples, not 800")

    k = "fp16_overflow"
    add(k, "mlp-eager-scale", csv("plain", 1), of("digits_mlp", 400, 1e-3, precision="float16", scaler=dict(scale=65536.0, growth=2, dynamic=True)), dict(scaler=dict(scale=1024.0, growth=2000, dynamic=True)), "a scale that grows every 2,000 steps", "train")
    add(k, "cnn-fixed-scale", csv("norms", 5), of("digits_cnn", 500, 1e-3, precision="float16", scaler=dict(scale=2.0**20, growth=2000, dynamic=False)), dict(scaler=dict(scale=1024.0, growth=2000, dynamic=False)), "a scale of 1,024", "train")
    add(k, "regression-fixed-scale", board("flat", 1), of("regression", 700, 5e-3, precision="float16", data=dict(scale=20.0), scaler=dict(scale=65536.0, growth=2000, dynamic=False)), dict(scaler=dict(scale=128.0, growth=2000, dynamic=False)), "a scale of 128", "train")
    add(k, "gpt-eager-scale", state(5), of("gpt", 300, 3e-3, batch=8, precision="float16", warmup=20, scaler=dict(scale=65536.0, growth=1, dynamic=True)), dict(scaler=dict(scale=1024.0, growth=2000, dynamic=True)), "a scale that grows every 2,000 steps", "train")

    k = "nan"
    add(k, "missing-value", csv("plain", 1), of("missing", 300, 3e-3), dict(data=dict(missing=0)), "the row with the missing value left out")
    add(k, "log-of-zero", csv("long", 1), of("moons", 1500, 0.03, optimizer="adam", evaluate=150, data=dict(naive=True, spread=0.1, far=3.0)), dict(data=dict(spread=0.1, far=3.0)), "the loss taken from logits")
    add(k, "root-of-zero", board("short", 1), of("pairs", 200, 1e-3, data=dict(twins=1)), dict(data=dict(twins=1, eps=1e-8)), "1e-8 below the root")
    add(k, "blank-picture", state(1), of("normalized", 200, 2e-3, data=dict(empty=1)), dict(data=dict(empty=1, eps=1e-5)), "1e-5 beside the deviation")

    k = "updates_lost"
    add(k, "mlp-bfloat16", csv("plain", 5), of("digits_mlp", 800, 1e-4, precision="bfloat16"), dict(precision="float32", lost=True), "weights in float32", "train")
    add(k, "gpt-bfloat16", csv("long", 5), of("gpt", 500, 3e-4, batch=8, precision="bfloat16", evaluate=100), dict(precision="float32", lost=True), "weights in float32")
    add(k, "finetune-bfloat16", board("hf", 5), of("finetune", 600, 3e-5, precision="bfloat16", evaluate=100), dict(precision="float32", lost=True), "weights in float32")
    add(k, "regression-bfloat16", state(10), of("regression", 1200, 3e-4, precision="bfloat16", schedule="cosine"), dict(precision="float32", lost=True), "weights in float32", "train")

    k = "d_stuck"
    P = dict(optimizer="prodigy")
    add(k, "mlp-growth-1", csv("plain", 1, extra=["d"]), of("digits_mlp", 500, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.0)), dict(settings={}), "d free to grow", "train")
    add(k, "regression-d", board("flat", 5, extra=["d"]), of("regression", 800, 1.0, optimizer="prodigy", settings=dict(d_coef=1e-3)), dict(settings={}), "d_coef of 1", "train")
    add(k, "lora-d", board("kohya", 1, extra=["d"], product=True), of("lora_mlp", 400, 1e-3, optimizer="prodigy"), dict(lr=1.0), "a rate of 1", "train")
    add(k, "gpt-d", csv("plain", 5, extra=["d"]), of("gpt", 400, 1.0, batch=8, optimizer="prodigy", settings=dict(growth_rate=1.0005)), dict(settings={}), "d free to grow", "train")

    k = "d_still_rising"
    add(k, "mlp-d-rising", csv("plain", 1, extra=["d"]), of("digits_mlp", 400, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.015)), dict(settings={}), "d free to grow", "train")
    add(k, "lstm-d-rising", board("kohya", 5, extra=["d"], product=True), of("lstm", 500, 1.0, batch=8, optimizer="prodigy", settings=dict(growth_rate=1.014)), dict(settings={}), "d free to grow", "train")
    add(k, "regression-d-rising", csv("long", 5, extra=["d"]), of("regression", 600, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.01), evaluate=100), dict(settings={}), "d free to grow", "train")
    add(k, "lora-d-rising", csv("plain", 5, extra=["d"]), of("lora_mlp", 500, 1.0, optimizer="prodigy", settings=dict(growth_rate=1.012)), dict(settings={}), "d free to grow", "train")
    add(k, "cnn-d-rising", csv("plain", 2, extra=["d"]), of("digits_cnn", 400, 1.0, optimizer="prodigy", settings=dict(d_coef=0.01)), dict(settings={}), "d_coef of 1", "train")

    k = "tensors_not_moving"
    add(k, "mlp-frozen", csv("plain", 5), of("digits_mlp", 500, 2e-3, data=dict(hidden=(48, 48)), frozen=["0.", "2."], ratios=["weight"], schedule="cosine"), dict(frozen=[]), "every tensor given to the optimizer", "train")
    add(k, "gpt-frozen", csv("norms", 10), of("gpt", 400, 4e-3, batch=8, frozen=["blocks.1", "head"], ratios=["qkv.weight", "up.weight", "head.weight", "token"], schedule="cosine", warmup=30), dict(frozen=[]), "every tensor given to the optimizer")
    add(k, "lora-dead", board("flat", 5), of("lora_mlp", 400, 5e-3, data=dict(dead=True), ratios=[".a", ".b"], schedule="cosine"), dict(data={}), "one factor that begins at random numbers")
    add(k, "cnn-frozen", board("short", 5), of("digits_cnn", 400, 5e-3, frozen=["0.", "3."], ratios=["weight"], schedule="linear", evaluate=100), dict(frozen=[]), "every tensor given to the optimizer", "train")

    k = "schedule_ended_early"
    add(k, "mlp-ended", csv("plain", 5), of("digits_mlp", 1000, 5e-4, schedule="cosine", horizon=300), dict(horizon=None), "a schedule of 1,000 steps", "train")
    add(k, "gpt-ended", state(10), of("gpt", 800, 3e-3, batch=8, schedule="linear", warmup=30, horizon=320, evaluate=100), dict(horizon=None), "a schedule of 800 steps")
    add(k, "regression-ended", board("short", 10), of("regression", 1500, 2e-3, schedule="cosine", horizon=500, evaluate=150), dict(horizon=None), "a schedule of 1,500 steps")
    add(k, "lstm-ended", csv("long", 10), of("lstm", 700, 5e-3, batch=8, schedule="cosine", warmup=20, horizon=350, evaluate=100), dict(horizon=None), "a schedule of 700 steps")

    k = "schedule_cut_off"
    add(k, "linear-cut", csv("plain", 5), of("linear", 800, 0.1, batch=4, schedule="linear", horizon=2000, **SGD), dict(horizon=None), "a schedule of 800 steps")
    add(k, "gpt-cut", csv("long", 5), of("gpt", 600, 0.02, batch=2, schedule="cosine", warmup=50, horizon=1400, evaluate=100), dict(horizon=None), "a schedule of 600 steps")
    add(k, "regression-cut", board("hf", 5), of("regression", 900, 0.07, batch=8, schedule="cosine", warmup=50, horizon=2200, evaluate=100, data=dict(noise=0.5)), dict(horizon=None), "a schedule of 900 steps", "train")
    add(k, "cnn-cut", state(10), of("digits_cnn", 700, 0.03, batch=16, schedule="cosine", warmup=30, horizon=1800), dict(horizon=None), "a schedule of 700 steps")
    add(k, "lstm-cut", csv("norms", 5), of("lstm", 700, 0.05, batch=4, schedule="linear", warmup=30, horizon=1800), dict(horizon=None), "a schedule of 700 steps")

    k = "resume_jump"
    add(k, "gpt-resumed", csv("norms", 5), of("gpt", 600, 0.02, batch=8, warmup=20, schedule="linear", forget=dict(at=480, what="state and schedule")), dict(forget=None), "Adam's state and the schedule kept")
    add(k, "mlp-resumed", csv("plain", 1), of("digits_mlp", 400, 0.03, optimizer="adam", batch=128, forget=dict(at=370, what="state")), dict(forget=None), "Adam's state kept", "train")
    add(k, "autoencoder-resumed", board("short", 1), of("autoencoder", 500, 0.03, optimizer="adam", batch=128, forget=dict(at=400, what="state"), evaluate=100), dict(forget=None), "Adam's state kept")
    add(k, "cnn-resumed", state(5), of("digits_cnn", 500, 0.03, optimizer="adam", schedule="linear", forget=dict(at=350, what="state and schedule"), evaluate=50), dict(forget=None), "Adam's state and the schedule kept")
    add(k, "mlp-restarted", csv("long", 5), of("digits_mlp", 700, 0.02, optimizer="adam", schedule="cosine", data=dict(hidden=(64, 64)), forget=dict(at=600, what="state and schedule"), evaluate=100), dict(forget=None), "Adam's state and the schedule kept", "train")

    k = "epoch_sawtooth"
    add(k, "mlp-sorted", csv("epoch", 1), of("digits_mlp", 450, 0.05, order="sorted", **SGD, evaluate=45), dict(order="shuffled"), "shuffled data")
    add(k, "regression-sorted", csv("epoch lr", 5), of("regression", 1250, 0.01, order="sorted", **SGD, evaluate=125), dict(order="shuffled"), "shuffled data")
    add(k, "sparse-sorted", state(5), of("sparse", 1500, 0.01, order="sorted", evaluate=375, data=dict(examples=12000)), dict(order="shuffled"), "shuffled data")
    add(k, "cnn-sorted", board("short", 2), of("digits_cnn", 440, 2e-3, order="sorted", evaluate=44), dict(order="shuffled"), "shuffled data")

    k = "lr_not_logged"
    add(k, "mlp-prodigy-1", csv("plain", 5), of("digits_mlp", 500, 1.0, **P, settings=dict(weight_decay=0.01)))
    add(k, "lstm-prodigy-1", state(10), of("lstm", 500, 1.0, batch=8, **P))
    add(k, "lora-prodigy-1", board("kohya", 5), of("lora_mlp", 400, 1.0, **P))
    add(k, "regression-prodigy-1", csv("long", 10), of("regression", 800, 1.0, **P, settings=dict(safeguard_warmup=True), evaluate=100))
    add(k, "cnn-prodigy-1", board("flat", 5), of("digits_cnn", 500, 1.0, **P, evaluate=100))


def healthy():
    k = "healthy"
    h = lambda name, log, run, judge="held": add(k, name, log, run, judge=judge)
    h("ok-mlp-cosine", csv("plain", 1), of("digits_mlp", 600, 0.012, schedule="cosine"))
    h("ok-mlp-linear", csv("epoch lr", 10), of("digits_mlp", 540, 0.012, schedule="linear", evaluate=45))
    h("ok-mlp-sgd-steps", csv("long", 5), of("digits_mlp", 900, 0.1, schedule="steps", **MOMENTUM, evaluate=90))
    h("ok-mlp-constant", csv("bare", 1), of("digits_mlp", 400, 5e-3))
    h("ok-mlp-dropout", board("short", 5), of("digits_mlp", 900, 8e-3, schedule="cosine", data=dict(dropout=0.2, hidden=(96,)), evaluate=90))
    h("ok-mlp-converged", csv("plain", 10), of("digits_mlp", 3000, 4e-3, schedule="cosine"), judge="train")
    h("ok-cnn-cosine", board("hf", 5), of("digits_cnn", 700, 0.02, schedule="cosine", warmup=20, evaluate=100))
    h("ok-cnn-constant", csv("norms", 1), of("digits_cnn", 400, 0.01))
    h("ok-cnn-sgd-wsd", state(10), of("digits_cnn", 800, 0.03, schedule="wsd", warmup=20, **MOMENTUM, evaluate=100))
    h("ok-gpt-cosine", csv("long", 5), of("gpt", 600, 8e-3, batch=8, schedule="cosine", warmup=60, floor=0.1, clip=1.0, evaluate=100))
    h("ok-gpt-wsd", state(10), of("gpt", 700, 6e-3, batch=8, schedule="wsd", warmup=40, evaluate=100))
    h("ok-gpt-clipped", csv("norms", 1), of("gpt", 500, 8e-3, batch=8, schedule="cosine", warmup=50, clip=0.7))
    h("ok-gpt-linear", board("hf", 10), of("gpt", 600, 8e-3, batch=8, schedule="linear", warmup=60, evaluate=100))
    h("ok-gpt-noisy", csv("plain", 1), of("gpt", 500, 6e-3, batch=2, schedule="cosine", warmup=50))
    h("ok-lstm-cosine", csv("long", 10), of("lstm", 700, 0.015, batch=8, schedule="cosine", warmup=20, evaluate=100))
    h("ok-lstm-constant", board("flat", 1), of("lstm", 500, 8e-3, batch=8, clip=1.0))
    h("ok-regression-cosine", csv("long", 10), of("regression", 1500, 0.03, schedule="cosine", evaluate=150))
    h("ok-regression-constant", csv("plain", 5), of("regression", 1200, 0.012))
    h("ok-regression-large-loss", board("short", 5), of("regression", 1500, 0.04, schedule="cosine", warmup=30, data=dict(scale=5.0), evaluate=150))
    h("ok-linear-noisy", csv("bare", 1), of("linear", 500, 0.05, batch=8, schedule="linear", **SGD))
    h("ok-linear-converged", csv("plain", 10), of("linear", 1500, 0.1, schedule="exponential", **SGD))
    h("ok-autoencoder", csv("plain", 1), of("autoencoder", 800, 6e-3, schedule="cosine", warmup=20))
    h("ok-autoencoder-wsd", board("flat", 10), of("autoencoder", 1200, 5e-3, schedule="wsd", evaluate=150))
    h("ok-moons", csv("epoch lr", 5), of("moons", 800, 0.05, schedule="cosine", evaluate=62))
    h("ok-sparse", state(10), of("sparse", 750, 0.03, schedule="linear", evaluate=125, data=dict(examples=12000)))
    h("ok-contrastive", csv("plain", 1), of("contrastive", 800, 5e-3, batch=64, schedule="cosine", warmup=30))
    h("ok-contrastive-constant", board("short", 5), of("contrastive", 600, 2e-3, batch=64, evaluate=100))
    h("ok-finetune-low", csv("plain", 1), of("finetune", 400, 5e-3, schedule="linear", warmup=20))
    h("ok-finetune-state", state(5), of("finetune", 400, 5e-3, schedule="cosine", warmup=20, evaluate=45))
    h("ok-lora", csv("norms", 5), of("lora_mlp", 600, 0.02, schedule="cosine", warmup=20))
    h("ok-lora-gpt", board("kohya", 1), of("lora_gpt", 500, 0.015, batch=8, schedule="cosine", warmup=20))
    h("ok-prodigy", csv("plain", 1, extra=["d"]), of("digits_mlp", 800, 1.0, optimizer="prodigy", schedule="cosine"))
    h("ok-prodigy-kohya", board("kohya", 5, extra=["d"], product=True), of("regression", 900, 1.0, optimizer="prodigy", schedule="cosine"))
    h("ok-half", csv("plain", 1), of("digits_mlp", 600, 0.012, schedule="cosine", precision="float16"))
    h("ok-ratios", csv("plain", 5), of("digits_cnn", 500, 0.02, schedule="cosine", ratios=["weight"]))
    h("ok-inverse-root", csv("norms", 10), of("gpt", 600, 8e-3, batch=8, schedule="inverse-root", warmup=60))


faults()
healthy()
