"""Updates of every optimizer with its state in each format, at several sizes, as a table in Markdown.

  swift build -c release && python3 Benchmarks/sizes.py          all optimizers; a round takes eight minutes
  python3 Benchmarks/sizes.py adamw lion --sizes 65536,1048576   some, at some sizes
  --rounds N     rounds (1), all of it in turn; figures are medians

A cell has nanoseconds a weight with state in float32, bfloat16 and int8, and the share of the float32 update in the
speed of passes that read as many arrays of that size, and multiply as many in place. Rules that are not
measured at every size, those of whole matrices, are left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FORMATS = ("float32", "bfloat16", "int8")


def sizes_of(text):
  return [int(size) for size in text.split(",")]


def measure(descent, size, names):
  command = [descent, "benchmark", "--json", "--parameters", str(size), *names]
  result = subprocess.run(command, capture_output=True, text=True)
  if result.returncode != 0:
    sys.exit(result.stderr)
  return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument("--descent", default=Path(__file__).parent.parent / ".build/release/descent")
  parser.add_argument("--sizes", type=sizes_of, default="65536,1048576,16777216,67108864")
  parser.add_argument("--rounds", type=int, default=1)
  parser.add_argument("names", nargs="*")
  options = parser.parse_args()
  sizes = options.sizes
  if not Path(options.descent).exists():
    sys.exit(f"{options.descent} is not there: run swift build -c release first")
  updates, shares, names = defaultdict(list), defaultdict(list), {}
  for _ in range(options.rounds):
    for size in sizes:
      for row in measure(options.descent, size, options.names):
        key = row["optimizer"], row["state"], row["parameters"]
        names[row["optimizer"]] = None
        updates[key].append(row["update"])
        shares[key].append(row["share"])
  print("| optimizer |" + "".join(f" {size:,} |" for size in sizes))
  print("|---|" + "---|" * len(sizes))
  for name in names:
    if not all(updates[name, f, size] for f in FORMATS for size in sizes):
      continue
    cells = []
    for size in sizes:
      figures = [statistics.median(updates[name, f, size]) for f in FORMATS]
      share = statistics.median(shares[name, "float32", size])
      cells.append(" / ".join(f"{x:.2f}" for x in figures) + f" ({share:.0%})")
    print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
  main()
