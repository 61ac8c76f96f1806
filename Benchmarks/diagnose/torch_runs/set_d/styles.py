"""How the people of set D write their logs."""

import math

from ..logs import BESIDE, NAMES, TAGS

# Columns beside those of a training; logs have many that say nothing about it.
BESIDE |= {
    "dt": lambda row: 0.21 + 0.01 * math.sin(row["step"] * 12.9898),
    "perplexity": lambda row: math.exp(min(row["loss"], 20)) if "loss" in row else None,
    "tokens": lambda row: row["step"] * 4096,
    "memory": lambda row: 7.41,
    "seconds": lambda row: round(0.21 * row["step"], 2),
}
NAMES |= {
    "trainer csv": [
        "epoch:epoch", "step:step", "loss:loss", "grad_norm:grad_norm", "lr:learning_rate",
        "val_loss:eval_loss",
    ],
    "metrics": ["pass:epoch", "lr:lr-SGD", "step:step", "loss:train/loss_step", "val_loss:val/loss"],
    "metrics only": ["pass:epoch", "step:step", "loss:train_loss", "val_loss:valid_loss"],
    "litgpt": ["step:iter", "loss:loss", "lr:learning_rate"],
    "speedrun": ["step:step", "loss:train_loss", "val_loss:val_loss", "lr:lr",],
    "keras plain": ["pass:epoch", "loss:loss", "val_loss:val_loss"],
    "summary": [
        "pass:epoch", "loss:train_loss", "val_loss:eval_loss", "lr:lr",
    ],
    "iterations": ["step:Iteration", "loss:Loss", "lr:LR"],
    "only losses": ["step:step", "loss:train_loss"],
    "capitals": ["pass:Epoch", "step:Step", "loss:Training Loss", "val_loss:Validation Loss"],
    "yolo": ["pass:epoch", "loss:train/box_loss", "val_loss:val/box_loss", "lr:lr/pg0"],
    "slash": ["step:step", "loss:train/loss", "lr:train/lr", "grad_norm:train/grad_norm", "val_loss:val/loss"],
    "fairseq": ["step:num_updates", "loss:train_loss", "val_loss:valid_loss", "lr:lr", "grad_norm:gnorm"],
}
TAGS |= {
    "sd-scripts": {
        "loss": "loss/average", "lr": "lr/textencoder", "d*lr": "lr/d*lr/textencoder",
    },
    "accelerate": {"loss": "train_loss", "lr": "lr", "val_loss": "val_loss"},
    "sb3": {"loss": "train/loss", "lr": "train/learning_rate"},
    "losses": {"loss": "Loss/train", "val_loss": "Loss/test"},
    "fairseq": {"loss": "train_inner/loss", "lr": "train_inner/lr", "grad_norm": "train_inner/gnorm"},
    "detectron": {"loss": "total_loss", "lr": "lr", "val_loss": "validation_loss"},
}
