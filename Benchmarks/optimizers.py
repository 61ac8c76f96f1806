"""Optimizer steps of Descent beside those of other packages, in alternating rounds.

Run it through optimizers.sh, which installs the peers and builds Descent:

  Benchmarks/optimizers.sh                                     every optimizer at 16.8M weights
  Benchmarks/optimizers.sh --parameters 67108864 adamw sgd     some, at another size
  Benchmarks/optimizers.sh --shape 2048 --parameters 1024000   500 small tensors
  Benchmarks/optimizers.sh --shape 1024x1024 --parameters 1048576 muon soap shampoo
  --mean N       the mean of N steps instead of the fastest: for rules that decompose matrices in some steps
  --state F      Descent's state in one format alone
  --packages P   peers of some packages alone, with commas between them
  --threads N    with so many threads       --load    beside a process that loads one core and the memory
  --rounds N     rounds (3)                 --markdown   the table as it stands in the documentation
  --chart FILE   a picture of the updates, and of the best peer of each, as SVG

Descent and the peers are measured in turn. A figure is the median over rounds of the fastest step of each, or of
their mean; ± is half of what lies between the extreme rounds. "step" guards and takes the norm; "update" is the step for a
caller who knows the norm, which is what the peers do unless they are marked "with norm". "in place" is the
update's share of the speed of passes that read as many arrays, and multiply as many in place.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import chart

HERE = Path(__file__).parent
LOAD = """
import array
a = array.array("f", [1.0]) * (1 << 24)
b = array.array("f", [0.0]) * (1 << 24)
while True:
  b[:] = a
"""


def lines(command):
  result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
  if result.returncode != 0:
    sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr}")
  return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")], result.stderr


def spread(values):
  return f"{statistics.median(values):8.3f} ±{(max(values) - min(values)) / 2:5.3f}"


def best(rows):
  """Descent's points and that of the fastest peer, which have no clipping."""
  ours = [row for row in rows if row[2] in chart.COLORS]
  peers = [row for row in rows if row[2] not in chart.COLORS and not row[2].endswith("norm")]
  return ours + sorted(peers, key=lambda row: row[1])[:1]


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument("--descent", default=HERE.parent / ".build/release/descent")
  parser.add_argument("--parameters", type=int, default=1 << 24)
  parser.add_argument("--shape", default="")
  parser.add_argument("--threads", type=int, default=0)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--mean", type=int, default=0)
  parser.add_argument("--state", default="")
  parser.add_argument("--packages", default="")
  parser.add_argument("--load", action="store_true")
  parser.add_argument("--markdown", action="store_true")
  parser.add_argument("--chart", type=Path)
  parser.add_argument("names", nargs="*")
  a = parser.parse_args()

  common = ["--parameters", a.parameters]
  if a.shape:
    common += ["--shape", a.shape]
  if a.threads:
    common += ["--threads", a.threads]
  if a.mean:
    common += ["--mean", a.mean]
  own = ["--state", a.state] if a.state else []
  ours, peers, missing = defaultdict(list), defaultdict(list), ""
  load = subprocess.Popen([sys.executable, "-c", LOAD]) if a.load else None
  try:
    for _ in range(a.rounds):
      rows, missing = lines(
        [sys.executable, HERE / "optimizers_peers.py", *common, "--packages", a.packages, "--only",
         ";".join(a.names)])
      for row in rows:
        peers[row["optimizer"], row["package"]].append(row["nanoseconds"])
      # All, and those that peers have with other settings.
      others = [] if a.names else sorted({name for name, _ in peers if "(" in name and "/" not in name})
      for names in (a.names, others)[: 1 + bool(others)]:
        for row in lines([a.descent, "benchmark", "--json", *common, *own, *names])[0]:
          ours[row["optimizer"], row["state"]].append(row)
  finally:
    if load:
      load.kill()

  heading = ["optimizer", "state", "step", "update", "in place", "peers: ns a weight (as many times Descent's)"]
  table, groups = [], defaultdict(list)
  for (name, state), rows in ours.items():
    key = name if state == "float32" else f"{name}/{state}"
    step = [row["nanoseconds"] for row in rows]
    update = [row["update"] for row in rows]
    mine = statistics.median(update)
    # Rules of matrices are measured with fewer weights, and have tables of their own.
    if rows[0]["parameters"] == a.parameters:
      groups[name].append((f"{mine:.3f}", mine, f"Descent, {state}"))
    beside = []
    for (peer, package), values in peers.items():
      if peer == key:
        mine = statistics.median(step if package.endswith("norm") else update)
        other = statistics.median(values)
        beside.append(f"{package} {other:.3f} ({other / mine:.1f}x)")
    table.append([
      name, state, spread(step), spread(update),
      f"{statistics.median(row['share'] for row in rows):.0%}", "; ".join(beside)])
  if a.markdown:
    print("| " + " | ".join(heading) + " |\n|" + "---|" * len(heading))
    for row in table:
      print("| " + " | ".join(" ".join(cell.split()) for cell in row) + " |")
  else:
    print(f"{heading[0]:22}{heading[1]:10}{heading[2]:>12}{heading[3]:>18}{heading[4]:>14}   {heading[5]}")
    for row in table:
      print(f"{row[0]:22}{row[1]:10}{row[2]:>15}{row[3]:>18}{row[4]:>8}   {row[5]}".rstrip())
  if a.chart:
    for (peer, package), values in peers.items():
      other = statistics.median(values)
      if peer.split("/")[0] in groups:
        groups[peer.split("/")[0]].append((f"{package} {other:.3f}", other, package))
    a.chart.write_text(chart.points(
      [(name, best(rows)) for name, rows in groups.items()],
      f"An update of {a.parameters / 1e6:.1f}M weights, nanoseconds a weight, logarithmic"))
  if missing.strip():
    print("not measured here:", *missing.strip().splitlines(), sep="\n  ")


if __name__ == "__main__":
  main()
