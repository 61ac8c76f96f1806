"""How the people of set E write their logs."""

from ..logs import BESIDE, NAMES, TAGS
from ..optimizers import OTHERS

import torch

OTHERS |= dict(adafactor=torch.optim.Adafactor)
BESIDE |= {
    "samples": lambda row: row["step"] * 32,
    "gpu": lambda row: 91 + row["step"] * 7 % 5,
    "it/s": lambda row: round(118.0 + row["step"] * 37 % 11, 1),
}
NAMES |= {
    "notebook": ["step:step", "loss:train_loss", "val_loss:val_loss", "lr:lr", "grad_norm:grad_norm"],
    "batches": ["epoch:epoch", "step:batch", "loss:loss", "lr:lr"],
    "trainer global": [
        "pass:epoch",
        "step:trainer/global_step",
        "loss:train/loss",
        "lr:optim/lr",
        "grad_norm:optim/grad_norm",
        "val_loss:val/loss",
    ],
    "fastai": ["pass:epoch", "loss:train_loss", "val_loss:valid_loss"],
    "fastai lr": ["pass:epoch", "loss:train_loss", "val_loss:valid_loss", "lr:lr"],
    "title": ["step:Step", "loss:Loss", "lr:Learning Rate", "grad_norm:Grad Norm", "val_loss:Val Loss"],
    "gnorm": ["step:iter", "loss:loss", "grad_norm:gnorm", "lr:lr"],
    "updates": ["step:update", "loss:loss", "val_loss:dev_loss", "lr:learning_rate"],
    "camel": [
        "step:globalStep",
        "loss:trainLoss",
        "val_loss:valLoss",
        "lr:learningRate",
        "grad_norm:gradNorm",
    ],
    "two": ["step:it", "loss:train_loss", "val_loss:test_loss"],
    "avg": ["step:step", "loss:avg_loss", "lr:lr", "grad_norm:grad_norm"],
}
TAGS |= {
    "train upper": {
        "loss": "Train/Loss",
        "lr": "Train/LR",
        "grad_norm": "Train/GradNorm",
        "val_loss": "Val/Loss",
    },
    "grouped": {
        "loss": "loss/train",
        "val_loss": "loss/valid",
        "lr": "optim/lr",
        "grad_norm": "optim/grad_norm",
    },
    "charts": {"loss": "losses/loss", "lr": "charts/learning_rate", "grad_norm": "losses/grad_norm"},
    "training": {"loss": "training_loss", "lr": "learning_rate", "val_loss": "validation_loss"},
    "batch": {
        "loss": "batch/loss",
        "lr": "batch/lr",
        "grad_norm": "batch/gradient_norm",
        "val_loss": "epoch/val_loss",
    },
    "bare": {"loss": "Loss"},
}
