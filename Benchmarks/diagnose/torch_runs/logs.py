"""The same rows as several kinds of people write them down."""

import csv
import json
import math
from unittest import mock

NAMES = {
    # one row a logged step, the validation loss where there is one
    "plain": ["step:step", "loss:loss", "lr:lr"],
    "long": [
        "step:iteration", "loss:train_loss", "val_loss:val_loss", "lr:learning_rate", "grad_norm:grad_norm",
    ],
    "epoch": ["epoch:epoch", "step:step", "loss:loss", "val_loss:eval_loss"],
    "epoch lr": ["epoch:epoch", "step:step", "loss:loss", "val_loss:eval_loss", "lr:lr"],
    "bare": ["step:step", "loss:loss"],
    "norms": ["step:step", "loss:loss", "grad_norm:grad_norm", "lr:lr"],
}
BESIDE = {}  # columns that say nothing of the training; set_d/styles.py fills it
ALWAYS = ["clip_norm", "clipped", "loss_scale", "skipped", "lost_share"]  # and update_ratio/...


def averaged(rows, every, mean):
    """Every n-th row; its loss is the mean since the last one if so asked, as Hugging Face's Trainer does."""
    kept, since, skipped = [], [], 0
    for row in rows:
        since.append(row["loss"])
        skipped += row.get("skipped", 0)
        first = row["step"] == 1 and not mean
        if row["step"] % every == 0 or first or row is rows[-1] or "val_loss" in row:
            new = dict(row)
            if row["step"] % every == 0 or first or row is rows[-1]:
                if mean:
                    new["loss"] = sum(since) / len(since)
                if "skipped" in row:
                    new["skipped"] = skipped
                since, skipped = [], 0
            else:
                del new["loss"]
            kept.append(new)
    return kept


def number(value, digits):
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    return repr(value) if digits is None else f"{value:.{digits}g}"


def write_csv(path, rows, style, extra, digits, names):
    columns = [name.split(":") for name in NAMES[style]]
    if not any("val_loss" in row for row in rows):
        columns = [c for c in columns if c[0] != "val_loss"]
    given = {key for row in rows for key in row}
    columns += [[key, names.get(key, key)] for key in ALWAYS if key in given]
    columns += [[key, names.get(key, key)] for key in extra]
    columns += [[key, key] for key in rows[0] if key.startswith("update_ratio/")]
    if "grad_norm" not in [c[0] for c in columns] and "clip_norm" in given:
        columns.append(["grad_norm", names.get("grad_norm", "grad_norm")])
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([name for _, name in columns])
        for row in rows:
            out.writerow([number(row.get(key), digits) for key, _ in columns])


TAGS = {
    "hf": {
        "loss": "train/loss", "lr": "train/learning_rate", "grad_norm": "train/grad_norm",
        "val_loss": "eval/loss",
    },
    "short": {"loss": "train/loss", "lr": "train/lr", "grad_norm": "train/grad_norm", "val_loss": "val/loss"},
    "kohya": {
        "loss": "loss/current", "lr": "lr/unet", "d*lr": "lr/d*lr/unet",
        "val_loss": "loss/validation/current",
    },
    "flat": {"loss": "loss", "lr": "lr", "grad_norm": "grad_norm", "val_loss": "val_loss"},
}


def write_tensorboard(folder, rows, style, extra, names):
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("events*"):
        old.unlink()
    with mock.patch("time.time", return_value=1.7e9):  # the file's first record holds the time
        writer = SummaryWriter(str(folder))
    tags = dict(TAGS[style])
    for key in [*ALWAYS, *extra]:
        tags[key] = ("train/" if style == "hf" else "") + names.get(key, key)
    for n, row in enumerate(rows):
        for key, value in row.items():
            tag = key if key.startswith("update_ratio/") else tags.get(key)
            if tag and value is not None:
                writer.add_scalar(tag, value, row["step"], walltime=1.7e9 + n)
    writer.close()
    (found,) = folder.glob("events*")
    found.rename(folder / "events.out.tfevents.1700000000.host.1.0")


def write_trainer_state(folder, rows, run, extra):
    folder.mkdir(parents=True, exist_ok=True)
    history = []
    for row in rows:
        entry = {"epoch": round(row["epoch"], 4)}
        if "loss" in row:
            first = entry | {
                "grad_norm": row.get("grad_norm"), "learning_rate": row["lr"], "loss": round(row["loss"], 4),
            }
            if first["grad_norm"] is None:  # as before version 4.38
                del first["grad_norm"]
            first |= {key: row[key] for key in [*ALWAYS, *extra] if key in row}
            first |= {key: row[key] for key in row if key.startswith("update_ratio/")}
            history.append(first | {"step": row["step"]})
        if "val_loss" in row:
            history.append(entry | {
                "eval_loss": row["val_loss"], "eval_runtime": 1.5, "eval_samples_per_second": 240.0,
                "eval_steps_per_second": 8.0, "step": row["step"],
            })
    last = rows[-1]
    losses = [row["loss"] for row in rows if "loss" in row]
    history.append({
        "epoch": round(last["epoch"], 4), "step": last["step"], "total_flos": 0.0,
        "train_loss": sum(losses) / len(losses), "train_runtime": 60.0,
        "train_samples_per_second": 500.0, "train_steps_per_second": 16.0,
    })
    state = {
        "best_global_step": None, "best_metric": None, "best_model_checkpoint": None,
        "epoch": last["epoch"], "eval_steps": run.get("evaluate") or 500, "global_step": last["step"],
        "is_hyper_param_search": False, "is_local_process_zero": True, "is_world_process_zero": True,
        "log_history": history, "logging_steps": run.get("every", 10), "max_steps": run["steps"],
        "num_input_tokens_seen": 0, "num_train_epochs": math.ceil(last["epoch"]), "save_steps": 500,
        "stateful_callbacks": {}, "total_flos": 0.0, "train_batch_size": run.get("batch", 32),
        "trial_name": None, "trial_params": None,
    }
    (folder / "trainer_state.json").write_text(json.dumps(state, indent=2) + "\n")


def apart(rows):
    """The validation losses in rows of their own, as Lightning's logger writes them."""
    result = []
    for row in rows:
        own = {key: row[key] for key in ["step", "epoch", "pass", "val_loss"] if key in row}
        if "loss" in row:
            result.append({key: row[key] for key in row if key != "val_loss"})
        if "val_loss" in row:
            result.append(own)
    return result


def write(base, rows, run, log):
    """Writes a log below `base`; returns its path. `log` is (format, style, every, more)."""
    kind, style, every, more = log
    rows = averaged(rows, every, more.get("mean", kind == "trainer_state"))
    if "again" in more:  # the steps since a checkpoint were made twice, to the same end
        at, back = more["again"]
        cut = next(n for n, row in enumerate(rows) if row["step"] > at)
        rows = rows[:cut] + [dict(row) for row in rows[:cut] if row["step"] > at - back] + rows[cut:]
    for row in rows:
        row |= {key: BESIDE[key](row) for key in more.get("beside", [])}
    extra = [*more.get("extra", []), *more.get("beside", [])]
    if "d*lr" in extra or style == "kohya" and more.get("product"):
        for row in rows:
            row["d*lr"] = row["d"] * row["lr"]
    names = {"clip_norm": more.get("clip_name", "max_grad_norm")}
    if kind == "tensorboard" and style != "hf":
        names = {}
    names |= more.get("names", {})
    for row in rows:
        row["pass"] = math.ceil(row["epoch"]) - 1
        for key in more.get("without", []):
            row.pop(key, None)
    if more.get("split"):
        rows = apart(rows)
    base.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "csv":
            path = base.with_suffix(".csv")
            write_csv(path, rows, style, extra, more.get("digits", 6), names)
        case "tensorboard":
            path = base
            write_tensorboard(path, rows, style, extra, names)
        case "trainer_state":
            path = base / "trainer_state.json"
            write_trainer_state(base, rows, run | {"every": every}, extra)
    return path
