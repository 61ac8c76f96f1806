#!/usr/bin/env python3
"""How long `descent serve` takes: a list of 1,000 runs, 50 runs laid over each other, and the next look
at a run of 100,000 steps that goes on.

    swift build -c release --product descent
    python3 Benchmarks/serve.py
"""

import http.client
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse

if {"-h", "--help"} & set(sys.argv):
    sys.exit(__doc__)
DESCENT = os.environ.get("DESCENT", ".build/release/descent")

RECIPE = """seed: {seed}
steps: {steps}
batch: 32
model:
  kind: gpt
  layers: 4
data:
  kind: text
optimizer:
  name: {optimizer}
  lr: {lr}
  betas: [0.9, 0.99]
"""


def lines(first, last, seed):
    noise = random.Random(seed)
    for step in range(first, last + 1):
        loss = 1.5 + 3 * math.exp(-step / 400) + noise.gauss(0, 0.05)
        yield (
            f'{{"step": {step}, "loss": {loss}, "lr": {3e-4 * (1 - step / (last + 1))}, '
            f'"grad_norm": {abs(noise.gauss(0.5, 0.2))}, "clipped": false, "applied": true, '
            f'"seconds": {0.05 + noise.random() / 100}, "activation_bytes": 40960}}\n'
        )
        if step % 100 == 0:
            yield f'{{"step": {step}, "val_loss": {loss + 0.1}}}\n'


def write(folder, steps, seed):
    os.makedirs(folder)
    optimizer = ["adamw", "lion", "prodigy", "sgd"][seed % 4]
    with open(f"{folder}/recipe.yaml", "w") as file:
        file.write(RECIPE.format(seed=seed, steps=steps, optimizer=optimizer, lr=1e-4 * (1 + seed % 7)))
    with open(f"{folder}/metrics.jsonl", "w") as file:
        file.writelines(lines(1, steps, seed))


class Browser:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get(self, path, version=None):
        """The status, the version, the body, and the milliseconds that it took."""
        start = time.perf_counter()
        self.connection.request("GET", path, headers={"If-None-Match": version} if version else {})
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, answer.headers["ETag"], body, 1000 * (time.perf_counter() - start)


def say(what, answer):
    print(f"{what:58} {answer[3]:8.1f} ms {len(answer[2]) / 1e3:9.1f} kB  status {answer[0]}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        runs = f"{folder}/runs"
        for n in range(1000):
            write(f"{runs}/group-{n // 100}/run-{n}", 300, n)
        server = subprocess.Popen(
            [DESCENT, "serve", runs, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        port = int(server.stdout.readline().rsplit(":", 1)[1].strip(" /\n"))
        browser = Browser(port)
        try:
            first = browser.get("/")
            say("list of 1,000 runs, the first time", first)
            time.sleep(3)
            say("list of 1,000 runs, again", browser.get("/"))
            version = browser.get("/?part=1")[1]
            time.sleep(1)
            say("list of 1,000 runs, nothing has changed", browser.get("/?part=1", version))
            say("search", browser.get("/?q=optimizer.name:lion+lr:%3E2e-4"))
            say("runs.json", browser.get("/runs.json"))
            names = [f"group-0/run-{n}" for n in range(50)]
            compare = "/compare?" + urllib.parse.urlencode([("run", name) for name in names])
            say("50 runs of 300 steps, the first time", browser.get(compare))
            say("50 runs of 300 steps, again", browser.get(compare))

            for n in range(50):
                write(f"{runs}/long/run-{n}", 20_000, n)
            time.sleep(1)
            names = [f"long/run-{n}" for n in range(50)]
            compare = "/compare?" + urllib.parse.urlencode([("run", name) for name in names])
            say("50 runs of 20,000 steps, the first time", browser.get(compare))
            say("50 runs of 20,000 steps, again", browser.get(compare))

            # A run that goes on: its lock names a process that lives.
            write(f"{runs}/live", 100_000, 1)
            with open(f"{runs}/live/.lock", "w") as file:
                file.write(f"process {os.getpid()} on {os.uname().nodename}")
            time.sleep(1)
            page = browser.get("/run?path=live&part=1")
            say("a run of 100,000 steps, the first time", page)
            took = []
            for n in range(5):
                with open(f"{runs}/live/metrics.jsonl", "a") as file:
                    file.writelines(lines(100_001 + 10 * n, 100_010 + 10 * n, n))
                time.sleep(1)
                page = browser.get("/run?path=live&part=1", page[1])
                took.append(page)
            say("the same with 10 steps more (median of 5)", sorted(took, key=lambda t: t[3])[2])
            time.sleep(1)
            say("the same, nothing has changed", browser.get("/run?path=live&part=1", page[1]))
            state = json.loads(browser.get("/runs.json?q=live")[2])["runs"][0]
            assert state["state"] == "running" and state["step"] == 100_050, state
            memory = [
                line for line in open(f"/proc/{server.pid}/status") if line.startswith("VmRSS")
            ]
            print("memory of the server:", memory[0].split(":")[1].strip())
        finally:
            server.terminate()
            print("ended with", server.wait())


main()
