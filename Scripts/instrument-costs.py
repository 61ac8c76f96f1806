#!/usr/bin/env python3
"""What instruments cost: seconds of measuring beside those of a step, for `gpt` and each choice.

    swift build -c release && Scripts/instrument-costs.py [STEPS]
"""
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

if {"-h", "--help"} & set(sys.argv):
  sys.exit(__doc__)
BINARY = Path(__file__).parent.parent / ".build/release/descent"
STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
OFF = {name: f"instruments.{name}=false" for name in ("noise", "curvature", "distance")}
CASES = {
  "off": [],
  "always": ["instruments.every=2", *OFF.values()],
  "noise": ["instruments.every=2", OFF["curvature"], OFF["distance"]],
  "curvature": ["instruments.every=2", OFF["noise"], OFF["distance"]],
  "histograms": ["instruments.every=2", *OFF.values(), "instruments.histograms=true"],
  "all": ["instruments.every=2", "instruments.histograms=true"],
}

for name, changes in CASES.items():
  with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "run"
    settings = [f"steps={STEPS}", "schedule.warmup=2", "evaluate.batches=1", "evaluate.every=2", *changes]
    subprocess.run([BINARY, "train", "gpt", "--quiet", "--out", out, *(x for s in settings for x in ("--set", s))],
                   check=True, capture_output=True)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    steps = [line["seconds"] for line in lines if "seconds" in line]
    measured = [line["instrument_seconds"] for line in lines if "instrument_seconds" in line]
    memory = max(line.get("memory_bytes") or 0 for line in lines)
    step = statistics.median(steps)
    later = statistics.median(measured[1:]) / step if len(measured) > 1 else 0
    first = measured[0] / step if measured else 0
    print(f"{name:12} step {step:.3f} s, measuring {later:.1f} steps (at first {first:.1f}), "
          f"{memory / 1e6:.0f} MB, metrics {(out / 'metrics.jsonl').stat().st_size / 1e3:.0f} KB")
