"""Whether `descent race` calls proven what is, and nothing else.

    swift build -c release && python3 Benchmarks/race.py .build/release/descent

copies          100 races between a rule and itself under another name
near copies     100 races between AdamW and AdamW with another ε in the third digit, which changes roundings
other seeds     200 pairs of three runs of one optimizer with six different seeds: no pairing, so the
                differences are as large as seeds make them (Student's t by hand)
100 times       AdamW against a rate 100 times too low, three seeds, on each recipe
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

if {"-h", "--help"} & set(sys.argv):
    sys.exit(__doc__)
descent = str(Path(sys.argv[1]).resolve())
cheap = ["steps=30", "model.hidden=16"]


def race(recipe, optimizers, settings, seeds=3):
    with tempfile.TemporaryDirectory() as folder:
        command = [descent, "race", recipe, "--optimizers", optimizers, "--seeds", str(seeds)]
        command += ["--out", folder + "/race", "--json", folder + "/race.json", "--quiet"]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(Path(folder + "/race.json").read_text())


def unproven(optimizers, count=100):
    verdicts = [
        race("digits-mlp", optimizers, cheap + [f"seed={10 * n}"])["verdict"][0] for n in range(count)
    ]
    largest = max(verdict["difference"] for verdict in verdicts)
    return sum(not verdict["proven"] for verdict in verdicts), largest


for name, optimizers in [("copies", "adamw,adamw"), ("near copies", "adamw,adamw(eps=1.01e-8)")]:
    n, largest = unproven(optimizers)
    print(f"{name}: not proven in {n} of 100 races; largest difference {largest:.3g}", flush=True)

finals = race("digits-mlp", "adamw", cheap, seeds=1000)["rows"][0]["finals"]
finals += race("digits-mlp", "adamw", cheap + ["seed=100000"], seeds=200)["rows"][0]["finals"]
proven = 0
for n in range(200):
    a, b = finals[6 * n : 6 * n + 3], finals[6 * n + 3 : 6 * n + 6]
    d = [x - y for x, y in zip(a, b)]
    mean = sum(d) / 3
    deviation = math.sqrt(sum((x - mean) ** 2 for x in d) / 2)
    beyond = max(0, abs(mean) - 0.001 * sum(a + b) / 6)
    t = beyond / (deviation / math.sqrt(3))
    proven += 1 - t / math.sqrt(t * t + 2) < 0.05  # of two degrees of freedom
print(f"other seeds: not proven in {200 - proven} of 200 pairs", flush=True)

for recipe, settings in [
    ("digits-mlp", ["steps=100"]), ("digits-cnn", ["steps=60"]),
    ("gpt", ["steps=100", "evaluate.batches=10"]),
]:
    low = "3e-5" if recipe == "digits-cnn" else "1e-5"
    found = race(recipe, f"adamw,adamw(lr={low}),lion", settings)
    verdict = next(v for v in found["verdict"] if v["worse"] == f"adamw(lr={low})" and v["better"] == "adamw")
    print(f"100 times, {recipe}: {'proven' if verdict['proven'] else 'NOT PROVEN'}, p {verdict['p']:.2g}")
