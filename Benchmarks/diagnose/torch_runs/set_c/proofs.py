"""What a label of set C has to show beside a better twin with the first seed."""

import math

from ..training import train

SEEDS = [1, 2]  # beside the run's own
# Kinds in which the validation loss has no reason to rise.
STEADY = [
    "lr_too_low",
    "clip_too_tight",
    "clip_idle",
    "plateau",
    "updates_lost",
    "d_stuck",
    "d_still_rising",
    "tensors_not_moving",
    "schedule_ended_early",
    "schedule_cut_off",
    "fp16_overflow",
]


def mean(rows):
    return sum(row["loss"] for row in rows) / len(rows)


def signs(case, rows, twin):
    """Whether the log shows what its label says, and how much; (True, "") for most kinds."""
    first, losses = mean(rows[:1]), [row["loss"] for row in rows]
    match case.label:
        case "warmup_too_short":
            peak, calm = max(losses[:60]), max(row["loss"] for row in twin[:60])
            return (
                peak > 1.08 * first > calm / 1.08,
                f"; early peak {peak:.3g} above {first:.3g}, twin {calm:.3g}",
            )
        case "loss_spikes":
            return (
                high(rows) >= 3 > 3 * high(twin) - 1,
                f"; {high(rows)} high steps, {high(twin)} in the twin",
            )
        case "overfitting":
            held = [row["val_loss"] for row in rows if "val_loss" in row]
            late, middle = mean(rows[-len(rows) // 10 :]), mean(rows[len(rows) // 4 : len(rows) // 2])
            text = f"; validation loss {held[-1]:.4g}, lowest {min(held):.4g}"
            return held[-1] > 1.05 * min(held) and late < middle, text
        case "fp16_overflow":
            share = sum(row["skipped"] for row in rows) / len(rows)
            return share > 0.05, f"; {share:.0%} of the steps skipped"
        case "diverged":
            end = mean(rows[-len(rows) // 20 :])
            return not end < first, f"; training loss {first:.3g} at first, {end:.3g} at the end"
        case "nan":
            at = next((row["step"] for row in rows if not math.isfinite(row["loss"])), 0)
            return at > 20, f"; not finite from step {at}"
        case "resume_jump":
            at = case.run["forget"]["at"]
            before, after, kept = (
                mean(r) for r in [rows[at - 40 : at], rows[at : at + 40], twin[at : at + 40]]
            )
            text = f"; loss {before:.3g} before the resume and {after:.3g} after it, {kept:.3g} in the twin"
            return after > 1.1 * max(before, kept), text
        case "clip_idle":
            return max(row["grad_norm"] for row in rows) < case.run["clip"] / 10, ""
    return True, ""


def high(rows):
    """How many steps stand far above those before them."""
    count = 0
    for n in range(60, len(rows)):
        near = sorted(row["loss"] for row in rows[n - 25 : n])
        middle, spread = near[12], near[20] - near[4]
        count += rows[n]["loss"] > middle + 4 * spread
    return count


def also(case, rows, final):
    """The same with two more seeds, and the signs of the kind; whether it holds, and what to add in words."""
    judge = case.judge
    if case.label == "lr_not_logged":
        return True, ""
    if case.label == "healthy":
        began = mean(rows[: max(1, len(rows) // 50)])
        learned = mean(rows[-len(rows) // 20 :]) < 0.95 * began or began < 0
        near = []
        for factor in [] if case.run.get("optimizer") == "prodigy" else [3, 1 / 3]:
            near.append(train(case.run | {"lr": case.run["lr"] * factor})[1][judge])
        much = max(0.05 * abs(final[judge]), 0.03)
        return learned and all(other > final[judge] - much for other in near), ""
    twin, _ = train(case.run | case.mend)
    shown, text = signs(case, rows, twin)
    held = [row["val_loss"] for row in rows if "val_loss" in row]
    if case.label in STEADY and held and held[-1] > min(held) + 0.05 * abs(min(held)):
        return False, f"; and the validation loss rose from {min(held):.4g} to {held[-1]:.4g}"
    if case.label == "clip_idle" or not shown:
        return shown, text
    shares = []
    for seed in SEEDS:
        bad, good = (train(case.run | more | {"seed": seed}) for more in [{}, case.mend])
        if case.label == "resume_jump":  # what is lost is made good in time, so the steps after it count
            at = case.run["forget"]["at"]
            bad, good = (mean(part[0][at : at + 60]) for part in [bad, good])
        else:
            bad, good = bad[1][judge], good[1][judge]
        if not math.isfinite(good) or math.isfinite(bad) and good >= bad:
            return False, text + f"; with seed {seed} {bad:.4g} and {good:.4g}"
        shares.append(f"{bad:.4g} and {good:.4g}")
    return True, text + f"; with seeds 1 and 2 {', '.join(shares)}"
