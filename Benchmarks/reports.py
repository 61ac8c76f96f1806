"""How long reports take: runs of many steps are made up, and `descent report` reads them.

    python3 Benchmarks/reports.py [.build/release/descent] [--runs 10,100] [--steps 100000]

Prints the seconds, the peak of memory, and the size of the page for each number of runs.
"""

import argparse
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time


def make_run(folder, number, steps):
    """A run directory with the metrics of a language model that learns, and some spikes."""
    folder.mkdir(parents=True)
    rate = 1e-3 * 0.5 ** (number % 5)
    (folder / "recipe.yaml").write_text(
        f"seed: {number}\nsteps: {steps}\nmodel: {{kind: gpt, layers: 4}}\n"
        f"optimizer: {{name: adamw, lr: {rate}}}\nschedule: {{name: cosine, warmup: 100}}\n")
    noise = random.Random(number)
    with open(folder / "metrics.jsonl", "w") as file:
        for step in range(1, steps + 1):
            share = step / steps
            loss = 1.5 + 2.7 * math.exp(-6 * share) + noise.gauss(0, 0.05)
            if noise.random() < 1e-4:
                loss += 3
            norm = math.exp(noise.gauss(0, 0.4)) * (0.4 + 2 * math.exp(-8 * share))
            file.write(json.dumps({
                "step": step, "loss": loss,
                "lr": rate * min(1, step / 100) * (0.55 + 0.45 * math.cos(math.pi * share)),
                "grad_norm": norm, "clipped": norm > 1, "applied": True,
                "seconds": 0.02 * math.exp(noise.gauss(0, 0.1)), "activation_bytes": 26_000_000,
            }) + "\n")
            if step % max(1, steps // 200) == 0:
                file.write(json.dumps({"step": step, "val_loss": loss + 0.1}) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("descent", nargs="?", default=".build/release/descent")
    options.add_argument("--runs", default="10,100")
    options.add_argument("--steps", type=int, default=100_000)
    options = options.parse_args()
    counts = [int(text) for text in options.runs.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # More runs than ten are the same ten again, under other names.
        for number in range(min(10, max(counts))):
            make_run(folder / f"run-{number}", number, options.steps)
        for number in range(10, max(counts)):
            run = folder / f"run-{number}"
            run.mkdir()
            for name in ["recipe.yaml", "metrics.jsonl"]:
                os.link(folder / f"run-{number % 10}" / name, run / name)
        for count in counts:
            page = folder / "report.html"
            command = [options.descent, "report", "--out", page]
            command += [folder / f"run-{number}" for number in range(count)]
            start = time.perf_counter()
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - start
            if status != 0:
                sys.exit(f"descent report ended with {status}")
            print(
                f"{count} runs of {options.steps} steps: {seconds:.2f} s, "
                f"{usage.ru_maxrss / 1024:.0f} MB at the peak, page {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
