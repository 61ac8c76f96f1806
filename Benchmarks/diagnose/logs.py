"""Writes the log of a training as other tools write theirs."""

import csv
import glob
import json
import math
import os
import shutil

from trainings import flat, number, read

# What tools call the step, the loss, the rate, the norm and the validation loss.
NAMES = {
    "plain": ("step", "train_loss", "learning_rate", "grad-norm", "eval_loss"),
    "kohya": ("step", "loss/current", "lr/d*lr", "norm/grad_norm", "loss/validation"),
    "wandb": ("_step", "train/loss", "train/learning_rate", "train/grad_norm", "eval/loss"),
    "lightning": ("step", "train_loss_step", "lr-AdamW", "grad_2.0_norm", "val_loss"),
    "bare": ("iteration", "loss", "lr", "gnorm", "val_loss"),
}
# What else is written where the training has it and the run's tool shows it.
EXTRAS = ["d", "clip_norm", "loss_scale", "lost_share", "skipped"]


def as_csv(rows, evaluations, path, style, every, hidden, total):
    names = NAMES[style]
    extras = [k for k in EXTRAS if k not in hidden and any(k in row for row in rows)]
    families = sorted({
        k for row in rows for k in row
        if k.split("/")[0] in ("update_ratio", "distance") and k.split("/")[0] not in hidden
    })
    columns = [names[0]]
    if style == "wandb":
        columns += ["_runtime", "_timestamp"]
    if style == "lightning":
        columns = ["epoch"] + columns
    columns += [names[1]]
    rates = sorted({k for row in rows for k in row if k.startswith("lr.")})
    columns += [k.replace("lr.", "lr/") for k in rates]
    columns += [] if rates or "lr" in hidden else [names[2]]
    columns += [] if "grad_norm" in hidden else [names[3]]
    has_validation = evaluations and "val_loss" not in hidden
    columns += [names[4]] if has_validation else []
    columns += extras + families
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        table.writeheader()
        seconds = 0.0
        for row in rows:
            seconds += number(row.get("seconds", 0.01))
            step = row["step"]
            line = {names[0]: step}
            if step % every == 0 or step == 1 or row.get("skipped"):
                line[names[1]] = spelled(row.get("loss"))
                line[names[2]] = spelled(row.get("lr"))
                line[names[3]] = spelled(row.get("grad_norm"))
                for key in extras:
                    line[key] = int("skipped" in row) if key == "skipped" else row.get(key, "")
                for key in rates:
                    line[key.replace("lr.", "lr/")] = spelled(row.get(key))
                for key in families:
                    line[key] = row.get(key, "")
            if has_validation and step in evaluations:
                line[names[4]] = spelled(evaluations[step]["val_loss"])
            if len(line) == 1:
                continue
            line["_runtime"], line["_timestamp"] = f"{seconds:.4f}", f"{1.7e9 + seconds:.3f}"
            line["epoch"] = int(10 * (step - 1) / total)
            table.writerow(line)


def spelled(value):
    if value is None or value == "":
        return ""
    value = number(value)
    return "nan" if math.isnan(value) else "inf" if value > 1e300 else f"{value:.7g}"


def as_trainer_state(rows, evaluations, path, every, hidden, epoch_steps):
    """Hugging Face: the loss is the mean since the last entry, the rest is of the step itself."""
    history, pending = [], []
    last = rows[-1]["step"]
    for row in rows:
        step = row["step"]
        pending.append(number(row.get("loss")))
        if step % every == 0:
            loss = sum(pending) / len(pending)
            pending = []
            entry = {"epoch": round(step / epoch_steps, 4)}
            if "grad_norm" not in hidden and "grad_norm" in row:
                entry["grad_norm"] = number(row["grad_norm"])
            if "lr" in row and "lr" not in hidden:
                entry["learning_rate"] = row["lr"]
            entry.update(loss=round(loss, 4), step=step)
            history.append(entry)
        if step in evaluations and "val_loss" not in hidden:
            history.append({
                "epoch": round(step / epoch_steps, 4),
                "eval_loss": number(evaluations[step]["val_loss"]), "eval_runtime": 0.1,
                "eval_samples_per_second": 1000.0, "step": step,
            })
    history.append({
        "epoch": round(last / epoch_steps, 4), "step": last, "total_flos": 0.0,
        "train_loss": sum(number(r.get("loss")) for r in rows) / len(rows),
        "train_runtime": 1.0,
    })
    state = {
        "best_metric": None, "best_model_checkpoint": None, "epoch": last / epoch_steps,
        "eval_steps": 500, "global_step": last, "is_hyper_param_search": False,
        "is_local_process_zero": True, "is_world_process_zero": True, "log_history": history,
        "logging_steps": every, "max_steps": last, "num_train_epochs": 1,
    }
    with open(path, "w") as file:
        json.dump(state, file, indent=1)


def write(folder, path, form, *, style="plain", every=1, hidden=(), rows=None, evaluations=None,
          epoch_steps=45):
    """Writes a training's log; `rows` stand for the training's own where they were spliced."""
    own = read(folder)
    spliced = rows is not None
    rows = own[0] if rows is None else rows
    evaluations = own[1] if evaluations is None else evaluations
    rows = [flat(row) for row in rows]
    if form == "csv":
        as_csv(rows, evaluations, path + ".csv", style, every, hidden, max(rows[-1]["step"], 1))
        return path + ".csv"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    if form == "trainer_state":
        path += "/trainer_state.json"
        as_trainer_state(rows, evaluations, path, every, hidden, epoch_steps)
        return path
    assert not spliced or form == "descent", "events are written by the training itself"
    if form == "tensorboard":
        for file in glob.glob(folder + "/events.out*"):
            shutil.copy(file, path)
        return path
    for name in ("recipe.yaml", "metrics.jsonl", "samples.jsonl", "checkpoints"):
        source = os.path.join(folder, name)
        if os.path.isdir(source):
            # The weights are not needed to read the log; that they exist tells that it ended.
            shutil.copytree(source, os.path.join(path, name))
        elif os.path.exists(source):
            shutil.copy(source, path)
    if spliced:
        with open(path + "/metrics.jsonl", "w") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
                if row["step"] in evaluations:
                    file.write(json.dumps(evaluations[row["step"]]) + "\n")
    return path
