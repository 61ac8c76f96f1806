"""How each label is proven: a training against its twin, the same but for what mends it.

Each proof takes the laboratory, the run and its seeds, and gives whether the label holds and a
sentence with the numbers. The log of a run is that of its first seed.
"""

import math
import statistics

from trainings import end, end_training, losses, number, read

# The twin has to end this much better, on average over the seeds and with every seed.
LEAST = 0.02


def changes(run):
    return " ".join(run.mend) or "nothing"


def spelled(values):
    texts = ["not finite" if not math.isfinite(v) else f"{v:.4g}" for v in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def pairs(lab, run, seeds):
    faults = [lab.train(run.base, run.changes, s) for s in seeds]
    twins = [lab.train(run.base, run.changes + run.mend, s) for s in seeds]
    return faults, twins


def better(faults, twins):
    """Whether every twin ended better, by a share on average."""
    if not all(math.isfinite(t) for t in twins):
        return False
    if not all(t < f for f, t in zip(faults, twins)):
        return False
    means = [statistics.fmean(v if math.isfinite(v) else 1e9 for v in c) for c in (faults, twins)]
    return means[0] > (1 + LEAST) * means[1]


def by_end(lab, run, seeds, measure=end, what="final validation loss"):
    faults, twins = pairs(lab, run, seeds)
    f, t = [measure(x) for x in faults], [measure(x) for x in twins]
    text = f"{what} {spelled(f)}; with {changes(run)} {spelled(t)} ({len(seeds)} seeds)"
    return better(f, t), text, faults[0], twins[0]


def by_training(lab, run, seeds):
    return by_end(lab, run, seeds, end_training, "training loss of the last tenth")


def by_divergence(lab, run, seeds):
    """The loss stays finite, and ends as high as it began or higher."""
    ok, text, fault, twin = by_end(lab, run, seeds)
    values = losses(read(fault)[0])
    text += f"; training loss {values[0]:.4g} at first, {min(values):.4g} at its lowest, "
    text += f"{end_training(fault):.4g} at the end"
    finite = all(math.isfinite(v) for v in values)
    return ok and finite and end_training(fault) > 0.97 * values[0], text, fault, twin


def by_nan(lab, run, seeds):
    """The loss, or else its gradient, is not a number from some step on."""
    ok, text, fault, twin = by_end(lab, run, seeds)
    rows = read(fault)[0]
    first = next((i for i, row in enumerate(rows, 1)
                  if "skipped" in row or not math.isfinite(number(row["loss"]))), 0)
    return ok and first > 0, text + f"; loss or gradient not finite from step {first}", fault, twin


def by_early(lab, run, seeds):
    """The twin ends better, and has no such peak in the first steps."""
    ok, text, fault, twin = by_end(lab, run, seeds)
    peaks = []
    for folder in (fault, twin):
        values = losses(read(folder)[0])
        peaks.append(max(values[: len(values) // 5]) / values[0])
    text += f"; highest early loss {peaks[0]:.2f} of the first, twin {peaks[1]:.2f}"
    return ok and peaks[0] > 1.08 and peaks[0] > peaks[1] + 0.05, text, fault, twin


def by_idle(lab, run, seeds):
    fault = lab.train(run.base, run.changes, seeds[0])
    twin = lab.train(run.base, run.changes + ["clip=none"], seeds[0])
    rows = read(fault)[0]
    norms = [number(r["grad_norm"]) for r in rows]
    same = losses(rows) == losses(read(twin)[0])
    limit = rows[0]["clip_norm"]
    text = (f"largest norm {max(norms):.3g}, threshold {limit:g}: 0 of {len(rows)} steps clipped; "
            f"without clipping the losses are {'the same to the bit' if same else 'different'}")
    return same and max(norms) < limit / 10, text, fault, twin


def spikes(values):
    """Steps whose loss stands far above those before: eight deviations, and a third of the median."""
    found = []
    for i in range(30, len(values)):
        window = sorted(values[i - 30 : i])
        middle = window[15]
        deviation = 1.48 * sorted(abs(v - middle) for v in window)[15]
        if values[i] > middle + 8 * deviation and values[i] > 1.15 * middle:
            found.append(i + 1)
    return found


def by_spikes(lab, run, seeds):
    """The twin ends better on the same clean validation data, or trains lower, without the spikes."""
    faults, twins = pairs(lab, run, seeds)
    f, t = [end(x) for x in faults], [end(x) for x in twins]
    counts = [len(spikes(losses(read(x)[0]))) for x in (faults[0], twins[0])]
    f2, t2 = [end_training(x) for x in faults], [end_training(x) for x in twins]
    text = (f"{counts[0]} spikes of the loss, {counts[1]} with {changes(run)}; validation loss "
            f"{spelled(f)} against {spelled(t)}, training loss of the last tenth {spelled(f2)} "
            f"against {spelled(t2)}")
    ok = counts[0] >= 3 and counts[0] >= 3 * counts[1] and (better(f, t) or better(f2, t2))
    return ok, text, faults[0], twins[0]


def by_overfit(lab, run, seeds):
    faults, twins = pairs(lab, run, seeds)
    f, t = [end(x) for x in faults], [end(x) for x in twins]
    logged = lab.train(run.base, run.changes + [f"evaluate.every={run.val}"], seeds[0])
    steps, evaluations = read(logged)
    curve = {s: number(e["val_loss"]) for s, e in evaluations.items()}
    best = min(curve, key=curve.get)
    last = curve[max(curve)]
    text = (f"validation loss {curve[best]:.4g} at step {best}, {last:.4g} at the end, training loss "
            f"{end_training(logged):.4g}; the twin ({changes(run)}) ends at {spelled(t)} "
            f"against {spelled(f)}")
    ok = better(f, t) and last > 1.05 * curve[best] and best < 0.7 * max(curve)
    return ok, text, logged, twins[0]


def by_skips(lab, run, seeds):
    """The twin has as many batches, and skips none."""
    results = []
    for seed in seeds:
        fault = lab.train(run.base, run.changes, seed)
        rows = read(fault)[0]
        skipped = sum("skipped" in r for r in rows)
        twin = lab.train(run.base, run.changes + run.mend + [f"steps={len(rows)}"], seed)
        results.append((fault, twin, skipped, len(rows)))
    f, t = [end(r[0]) for r in results], [end(r[1]) for r in results]
    fault, twin, skipped, total = results[0]
    text = (f"{skipped} of {total} steps skipped; validation loss {spelled(f)}, "
            f"{spelled(t)} with as many batches and {changes(run)}")
    return better(f, t) and skipped / total > 0.05, text, fault, twin


def by_logged(lab, run, seeds):
    fault = lab.train(run.base, run.changes, seeds[0])
    rows = read(fault)[0]
    rates = [number(r["lr"]) for r in rows]
    text = (f"the log says 1; the true rate rose from {rates[0]:.3g} to {max(rates):.3g}, "
            f"validation loss {end(fault):.4g}")
    return rates[0] < 1e-4 and 1e-4 < max(rates) < 0.5 and end(fault) < 3, text, fault, fault


def by_health(lab, run, seeds):
    """No other rate ends much better, and the run is no outlier."""
    fault = lab.train(run.base, run.changes, seeds[0])
    ends = [end(lab.train(run.base, run.changes, s)) for s in seeds]
    own = {c.split("=")[0]: c.split("=")[1] for c in run.changes if c.startswith("optimizer.lr=")}
    rate = float(own.get("optimizer.lr", {"gpt": 3e-3, "mlp": 0.05, "cnn": 3e-3}[run.base]))
    d = [c for c in run.changes if c.startswith("optimizer.d_coef=")]
    probes = {}
    for factor in (0.33, 3):
        change = f"optimizer.lr={rate * factor:g}"
        if d:
            change = f"optimizer.d_coef={float(d[0].split('=')[1]) * factor:g}"
        probes[factor] = [end(lab.train(run.base, run.changes + [change], s)) for s in seeds]
    best = min(probes, key=lambda k: statistics.fmean(probes[k]))
    gain = statistics.fmean(ends) - statistics.fmean(probes[best])
    text = (f"validation loss {spelled(ends)}; the better of rates a third and three times as high "
            f"({best:g}) ends at {spelled(probes[best])}")
    ok = gain < 0.05 * statistics.fmean(ends) + (0 if run.base == "gpt" else 0.03)
    return ok, text, fault, lab.train(run.base, run.changes, seeds[0] + 1)


PROOFS = {
    "end": by_end, "training": by_training, "early": by_early, "idle": by_idle,
    "spikes": by_spikes, "overfit": by_overfit, "skips": by_skips, "logged": by_logged,
    "healthy": by_health, "diverged": by_divergence, "nan": by_nan,
}
