"""How the people of set C write their logs."""

from ..logs import NAMES, TAGS

NAMES |= {
    # `val_loss` stands in rows of its own there (split)
    "lightning": [
        "pass:epoch",
        "step:step",
        "loss:train_loss_step",
        "lr:lr-AdamW",
        "grad_norm:grad_2.0_norm_total",
        "val_loss:val_loss",
    ],
    "nanogpt": ["step:iter", "loss:train/loss", "val_loss:val/loss", "lr:lr"],
    "wandb": [
        "step:_step",
        "epoch:train/epoch",
        "loss:train/loss",
        "lr:train/learning_rate",
        "grad_norm:train/grad_norm",
        "val_loss:eval/loss",
    ],
    "own": ["step:iteration", "loss:batch_loss", "lr:current_lr", "grad_norm:gradient_norm"],
    "global": ["step:global_step", "lr:learning_rate", "loss:loss", "val_loss:validation_loss"],
    "kohya": ["step:step", "loss:loss/current", "lr:lr/unet"],
    # one row a pass over the data
    "keras": ["pass:epoch", "loss:loss", "lr:learning_rate", "val_loss:val_loss"],
    "timm": ["pass:epoch", "loss:train_loss", "val_loss:eval_loss", "lr:lr"],
}
TAGS |= {
    "tutorial": {"loss": "Loss/train", "val_loss": "Loss/val", "lr": "LR"},
    "lightning": {"loss": "train_loss_step", "lr": "lr-AdamW", "val_loss": "val_loss", "epoch": "epoch"},
    "nemo": {
        "loss": "reduced_train_loss",
        "lr": "lr",
        "grad_norm": "grad_norm",
        "val_loss": "val_loss",
        "step": "global_step",
    },
    "megatron": {
        "loss": "lm loss",
        "lr": "learning-rate",
        "grad_norm": "grad-norm",
        "val_loss": "lm loss validation",
    },
    "diffusers": {"loss": "step_loss", "lr": "lr"},
}
