"""Runs that have no fault, of many looks."""

from ..cases import MOMENTUM, SGD, add, board, csv, of, state


def healthy():
    k = "healthy"
    h = lambda name, log, run, judge="held": add(k, name, log, run, judge=judge)
    h("ok-mlp-cosine", csv("plain", 1), of("digits_mlp", 600, 0.012, schedule="cosine"))
    h(
        "ok-mlp-linear", csv("epoch lr", 10),
        of("digits_mlp", 540, 0.012, schedule="linear", evaluate=45),
    )
    h(
        "ok-mlp-sgd-steps", csv("long", 5),
        of("digits_mlp", 900, 0.1, schedule="steps", **MOMENTUM, evaluate=90),
    )
    h("ok-mlp-constant", csv("bare", 1), of("digits_mlp", 400, 5e-3))
    h(
        "ok-mlp-dropout", board("short", 5),
        of(
            "digits_mlp", 900, 8e-3, schedule="cosine", data=dict(dropout=0.2, hidden=(96,)),
            evaluate=90,
        ),
    )
    h(
        "ok-mlp-converged", csv("plain", 10), of("digits_mlp", 3000, 4e-3, schedule="cosine"),
        judge="train",
    )
    h(
        "ok-cnn-cosine", board("hf", 5),
        of("digits_cnn", 700, 0.02, schedule="cosine", warmup=20, evaluate=100),
    )
    h("ok-cnn-constant", csv("norms", 1), of("digits_cnn", 400, 0.01))
    h(
        "ok-cnn-sgd-wsd", state(10),
        of("digits_cnn", 800, 0.03, schedule="wsd", warmup=20, **MOMENTUM, evaluate=100),
    )
    h(
        "ok-gpt-cosine", csv("long", 5),
        of("gpt", 600, 8e-3, batch=8, schedule="cosine", warmup=60, floor=0.1, clip=1.0, evaluate=100),
    )
    h("ok-gpt-wsd", state(10), of("gpt", 700, 6e-3, batch=8, schedule="wsd", warmup=40, evaluate=100))
    h(
        "ok-gpt-clipped", csv("norms", 1),
        of("gpt", 500, 8e-3, batch=8, schedule="cosine", warmup=50, clip=0.7),
    )
    h(
        "ok-gpt-linear", board("hf", 10),
        of("gpt", 600, 8e-3, batch=8, schedule="linear", warmup=60, evaluate=100),
    )
    h("ok-gpt-noisy", csv("plain", 1), of("gpt", 500, 6e-3, batch=2, schedule="cosine", warmup=50))
    h(
        "ok-lstm-cosine", csv("long", 10),
        of("lstm", 700, 0.015, batch=8, schedule="cosine", warmup=20, evaluate=100),
    )
    h("ok-lstm-constant", board("flat", 1), of("lstm", 500, 8e-3, batch=8, clip=1.0))
    h(
        "ok-regression-cosine", csv("long", 10),
        of("regression", 1500, 0.03, schedule="cosine", evaluate=150),
    )
    h("ok-regression-constant", csv("plain", 5), of("regression", 1200, 0.03))
    h(
        "ok-regression-large-loss", board("short", 5),
        of("regression", 1500, 0.04, schedule="cosine", warmup=30, data=dict(scale=5.0), evaluate=150),
    )
    h("ok-linear-noisy", csv("bare", 1), of("linear", 500, 0.05, batch=8, schedule="linear", **SGD))
    h(
        "ok-linear-converged", csv("plain", 10),
        of("linear", 1500, 0.04, schedule="exponential", data=dict(condition=20), **SGD),
    )
    h("ok-autoencoder", csv("plain", 1), of("autoencoder", 800, 6e-3, schedule="cosine", warmup=20))
    h(
        "ok-autoencoder-wsd", board("flat", 10),
        of("autoencoder", 1200, 5e-3, schedule="wsd", evaluate=150),
    )
    h(
        "ok-moons", csv("epoch lr", 5),
        of("moons", 700, 0.08, schedule="cosine", data=dict(spread=0.25), evaluate=62),
    )
    h(
        "ok-sparse", state(10),
        of("sparse", 750, 0.03, schedule="linear", evaluate=125, data=dict(examples=12000)),
    )
    h(
        "ok-contrastive", csv("plain", 1),
        of("contrastive", 800, 5e-3, batch=64, schedule="cosine", warmup=30),
    )
    h(
        "ok-contrastive-constant", board("short", 5),
        of("contrastive", 600, 2e-3, batch=64, evaluate=100),
    )
    h("ok-finetune-low", csv("plain", 1), of("finetune", 400, 5e-3, schedule="linear", warmup=20))
    h(
        "ok-finetune-state", state(5),
        of("finetune", 400, 5e-3, schedule="cosine", warmup=20, evaluate=45),
    )
    h("ok-lora", csv("norms", 5), of("lora_mlp", 600, 0.02, schedule="cosine", warmup=20))
    h(
        "ok-lora-gpt", board("kohya", 1),
        of("lora_gpt", 500, 0.015, batch=8, schedule="cosine", warmup=20),
    )
    h(
        "ok-prodigy", csv("plain", 1, extra=["d"]),
        of("digits_mlp", 300, 1.0, optimizer="prodigy", schedule="cosine"),
    )
    h(
        "ok-prodigy-kohya", board("kohya", 5, extra=["d"], product=True),
        of("regression", 900, 1.0, optimizer="prodigy", schedule="cosine"),
    )
    h(
        "ok-half", csv("plain", 1),
        of(
            "digits_cnn", 600, 0.015, schedule="cosine", precision="float16",
            scaler=dict(scale=2.0**19, growth=200, dynamic=True),
        ),
    )
    h("ok-ratios", csv("plain", 5), of("digits_cnn", 500, 0.02, schedule="cosine", ratios=["weight"]))
    h(
        "ok-inverse-root", csv("norms", 10),
        of("gpt", 600, 8e-3, batch=8, schedule="inverse-root", warmup=60),
    )
    h(
        "ok-regression-batch-2", csv("bare", 1),
        of("regression", 2500, 0.03, batch=2, schedule="cosine", data=dict(noise=0.5)),
    )
    h("ok-short", csv("norms", 1, digits=4), of("digits_cnn", 120, 0.035, schedule="linear", warmup=5))
    h(
        "ok-gpt-every-20", state(20),
        of(
            "gpt", 800, 6e-3, batch=8, schedule="cosine", warmup=40, evaluate=200,
            data=dict(dropout=0.05),
        ),
    )
    h(
        "ok-lstm-wsd", csv("long", 20, digits=5),
        of("lstm", 900, 0.02, batch=8, schedule="wsd", warmup=20, clip=1.0, evaluate=180),
    )
    h(
        "ok-accumulate", board("hf", 1),
        of("digits_cnn", 250, 0.02, batch=8, accumulate=4, schedule="cosine", warmup=10),
    )
    h(
        "ok-likelihood", csv("plain", 5),
        of("likelihood", 1200, 0.02, schedule="cosine", warmup=20, evaluate=0),
    )
    h(
        "ok-lora-gpt-epochs", state(10),
        of("lora_gpt", 700, 0.012, batch=16, schedule="linear", warmup=30, evaluate=100),
    )
    h(
        "ok-sgd-cosine-floor", csv("plain", 5, mean=True),
        of("digits_mlp", 1000, 0.05, schedule="cosine", floor=0.1, **MOMENTUM),
    )
