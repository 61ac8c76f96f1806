"""What a run of set D without a fault has to show; faults are proven as in set C."""

from ..training import train


def neighbours(run):
    """The same run with a third and three times the rate, or Prodigy's factor in its place."""
    if run["optimizer"] == "dog":
        return []
    if run["optimizer"] == "prodigy":
        given = run.get("settings", {})
        return [
            ("d_coef", f, run | dict(settings=given | dict(d_coef=f * given.get("d_coef", 1.0))))
            for f in [3, 1 / 3]
        ]
    return [("rate", f, run | dict(lr=run["lr"] * f)) for f in [3, 1 / 3]]


def prove_healthy(case, rows, final):
    """Whether no other rate ends better by 5 % of the loss, or by 1.5 % of what it fell in all."""
    end = final[case.judge]
    begin = train(case.run | dict(logged=0))[1][case.judge]
    sentence = f"loss {begin:.4g} at the start, {end:.4g} at the end"
    much = max(0.05 * abs(end), 0.015 * (begin - end))
    proven = begin - end > 0.02 * abs(begin)
    for name, factor, run in neighbours(dict(optimizer="adamw") | case.run):
        other = train(run)[1][case.judge]
        sentence += f"; with {factor:.2g} times the {name} {other:.4g}"
        proven = proven and not other < end - much
    held = [row["val_loss"] for row in rows if "val_loss" in row]
    if held and held[-1] > min(held) + much:
        proven, sentence = False, sentence + f"; validation loss {held[-1]:.4g}, lowest {min(held):.4g}"
    losses = [row["loss"] for row in rows]
    early = max(sum(losses[n : n + 5]) / 5 for n in range(min(60, len(losses) - 5)))
    first = sum(losses[:5]) / 5
    if early > first + 0.15 * abs(first):
        proven, sentence = False, sentence + f"; early peak {early:.4g}, first {first:.4g}"
    if "clip" in case.run and case.run["clip"]:
        share = sum(row["clipped"] for row in rows) / len(rows)
        sentence += f"; {share:.0%} of the steps clipped"
        proven = proven and 0.005 < share < 0.7
    skipped = sum(row.get("skipped", 0) for row in rows) / len(rows)
    return proven and skipped < 0.02, sentence
