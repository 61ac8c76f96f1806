"""Runs of two parts: interrupted, and begun again without all that they had been."""

import json
import os
import statistics
import struct

from trainings import end, losses, read


def without(weights, prefix, folder):
    """A copy of a safetensors file that lacks the tensors whose names begin with `prefix`."""
    with open(weights, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, body = json.loads(file.read(size)), file.read()
    kept, data = {}, b""
    for name, entry in header.items():
        if name == "__metadata__" or name.startswith(prefix):
            continue
        begin, stop = entry["data_offsets"]
        kept[name] = {**entry, "data_offsets": [len(data), len(data) + stop - begin]}
        data += body[begin:stop]
    assert len(kept) < len([n for n in header if n != "__metadata__"]), f"no tensor {prefix}"
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 8)
    path = os.path.join(folder, f"without-{prefix}.safetensors")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    return path


def joined(lab, run, seed):
    """The rows and evaluations of the interrupted run, the folder of its second part, its twin."""
    at = run.join["at"]
    evaluate = [f"evaluate.every={run.val}"] if run.val else []
    twin = lab.train(run.base, run.changes + evaluate, seed)
    rows, evaluations = read(twin)
    first = lab.train(run.base, run.changes + [f"steps={run.join.get('weights_of', at)}"], seed)
    weights = lab.weights(first)
    partial = "reset" in run.join
    if partial:
        weights = without(weights, run.join["reset"], first)
    total = rows[-1]["step"]
    second = lab.train(
        run.base, run.changes + evaluate + run.join.get("changes", []) + [f"steps={total - at}"]
        + remaining(run, rows, at), seed + 7919, weights, partial)
    later, later_evaluations = read(second)
    whole = rows[:at] + [{**row, "step": row["step"] + at} for row in later]
    seen = {s: e for s, e in evaluations.items() if s <= at}
    seen.update({s + at: {**e, "step": s + at} for s, e in later_evaluations.items()})
    return whole, seen, second, twin, rows


def remaining(run, rows, at):
    """Changes that let the schedule go on where it was: linear from there, or as before."""
    if not any(c.startswith("schedule.total") for c in run.changes):
        return []
    rate = rows[at]["lr"]
    return ["-schedule", "schedule.name=linear", f"optimizer.lr={rate:.6g}"]


def by_jump(lab, run, seeds):
    """The loss jumps where the run began again, and goes on above that of the twin."""
    whole, evaluations, second, twin, rows = joined(lab, run, seeds[0])
    at = run.join["at"]
    a, b = losses(whole), losses(rows)
    before, after = statistics.fmean(a[at - 20 : at]), statistics.fmean(a[at : at + 20])
    spread = statistics.stdev(a[at - 40 : at])
    there, later = statistics.fmean(b[at : at + 20]), statistics.fmean(a[at : at + 60])
    twin_later = statistics.fmean(b[at : at + 60])
    text = (f"mean loss of 20 steps {before:.4g} before step {at} and {after:.4g} after it, "
            f"{there:.4g} in the run that was never interrupted; of 60 steps {later:.4g} against "
            f"{twin_later:.4g}; final validation loss {end(second):.4g} against {end(twin):.4g}")
    ok = after > before + spread and after > there + spread and later > 1.02 * twin_later
    return ok, text, (second, whole, evaluations), twin
