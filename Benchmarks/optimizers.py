"""Nanoseconds per weight of Descent's optimizers and of their peers, in alternating rounds.

Run it through optimizers.sh, which installs the peers and builds Descent. A figure is the fastest step
of all rounds: machines that are shared only ever make a step slower.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# Which peer does the same work, by optimizer and format of state.
PEERS = {
  ("adamw", "float32"): "adamw fused", ("adamw", "int8"): "bitsandbytes adamw8bit",
  ("sgd", "float32"): "sgd fused", ("rmsprop", "float32"): "rmsprop",
  ("lion", "float32"): "lion-pytorch", ("prodigy", "float32"): "prodigyopt",
}


def lines(command):
  result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
  if result.returncode != 0:
    sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr}")
  return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--descent", default=HERE.parent / ".build/release/descent")
  parser.add_argument("--parameters", type=int, default=1 << 24)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("names", nargs="*")
  a = parser.parse_args()

  peers, ours, copy = {}, {}, 0
  for _ in range(a.rounds):
    for x in lines([sys.executable, HERE / "optimizers_pytorch.py", "--sizes", a.parameters]):
      name = x["optimizer"]
      peers[name] = min(peers.get(name, float("inf")), x["ns_per_parameter"])
    for x in lines([a.descent, "benchmark", "--json", "--parameters", a.parameters, *a.names]):
      copy = max(copy, x["copyBandwidth"])
      key = x["optimizer"], x["state"]
      if key not in ours or x["nanoseconds"] < ours[key]["nanoseconds"]:
        ours[key] = x

  print(f"copy bandwidth {copy:.1f} GB/s")
  print(f"{'optimizer':22}{'state':10}{'ns/weight':>10}{'GB/s':>8}{'of copy':>9}  peer")
  for (name, state), x in ours.items():
    speed, peer = x["bytes"] / x["nanoseconds"], PEERS.get((name, state))
    beside = f"{peer} {peers[peer]:.3f} ns, {peers[peer] / x['nanoseconds']:.1f}x as long" if peer else ""
    print(f"{name:22}{state:10}{x['nanoseconds']:10.3f}{speed:8.1f}{speed / copy:8.0%}   {beside}".rstrip())


if __name__ == "__main__":
  main()
