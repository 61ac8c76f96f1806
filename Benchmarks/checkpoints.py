"""How long a checkpoint holds up training, and how fast it is read back: python3 checkpoints.py DESCENT

A GPT of 50M parameters is trained by AdamW, one short sequence a step, without checkpoints and with one
every few steps. The lines of metrics.jsonl are timed as they come, so everything counts that keeps training
waiting:

  pause     by how much the step after a checkpoint comes later than others
  cost      what a checkpoint takes altogether, the slower steps while it is written included
  copy      the same bytes, copied in memory by one thread
  write     the same bytes, written to a file in the same folder; fsync: until they are on the disk
  read      the start of a resumed run until its first step, the best of three: reading and checking the
            checkpoint from the page cache, and everything else that a start takes (new start: without it)

The aim: a pause of less than copy + 20 % of a step, and 1 GB/s or more for reading.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def arguments():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("descent")
  parser.add_argument("--layers", type=int, default=12)
  parser.add_argument("--width", type=int, default=592)
  parser.add_argument("--context", type=int, default=16)
  parser.add_argument("--batch", type=int, default=1)
  parser.add_argument("--threads", type=int, default=os.cpu_count())
  # Where checkpoints lie closer than a write takes, the next one waits for the last.
  parser.add_argument("--every", type=int, default=30, help="steps between checkpoints")
  parser.add_argument("--checkpoints", type=int, default=3)
  parser.add_argument("--folder", help="where to write (default: the system's temporary folder)")
  parser.add_argument("--json", action="store_true")
  return parser.parse_args()


def train(command, log, old=0):
  """Runs a command; returns the times from its start at which the lines of `log` came, the first `old` left out."""
  times, start = [], time.monotonic()
  process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
  while process.poll() is None:
    time.sleep(0.001)
    try:
      lines = log.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
      continue
    steps = sum(b'"grad_norm"' in line and line.endswith(b"\n") for line in lines)
    times += [time.monotonic() - start] * (steps - old - len(times))
  if process.returncode != 0:
    sys.exit(f"{' '.join(map(str, command))} failed: {process.stderr.read().decode()}")
  return times


def gaps(times):
  return [later - earlier for earlier, later in zip(times, times[1:])]


def copied(path, folder):
  """Seconds to copy the bytes of a file in memory, to write them to another, and to make that durable."""
  data = path.read_bytes()
  target = bytearray(len(data))
  target[:] = data
  copies = []
  for _ in range(5):
    start = time.monotonic()
    memoryview(target)[:] = data
    copies.append(time.monotonic() - start)
  start = time.monotonic()
  with open(folder / "copy", "wb", buffering=0) as file:
    for offset in range(0, len(data), 1 << 24):
      file.write(memoryview(data)[offset:offset + (1 << 24)])
    written = time.monotonic()
    os.fsync(file.fileno())
    synced = time.monotonic()
  (folder / "copy").unlink()
  return statistics.median(copies), written - start, synced - written


def main():
  a = arguments()
  steps = a.every * a.checkpoints + 2
  with tempfile.TemporaryDirectory(dir=a.folder) as temporary:
    folder = Path(temporary)
    settings = {
      "model.layers": a.layers, "model.width": a.width, "model.heads": 8, "model.context": a.context,
      "batch": a.batch, "threads": a.threads, "evaluate.every": 0, "evaluate.batches": 1,
      "schedule.name": "constant", "checkpoint.keep": 1, "steps": steps,
    }

    def run(name, **changes):
      command = [a.descent, "train", "gpt", "--quiet", "--out", folder / name]
      changed = {key.replace("_", "."): value for key, value in changes.items()}
      for key, value in (settings | changed).items():
        command += ["--set", f"{key}={value}"]
      return train(command, folder / name / "metrics.jsonl")

    plain = run("plain", checkpoint_every=0)
    step = statistics.median(gaps(plain))
    times = run("checkpoints", checkpoint_every=a.every)
    between = gaps(times)
    after = [between[index - 1] for index in range(a.every, steps, a.every)]
    # Whole intervals from checkpoint to checkpoint; the first lacks its beginning.
    whole = times[a.every * a.checkpoints] - times[a.every]
    pause = statistics.median(after) - step
    cost = whole / (a.checkpoints - 1) - a.every * step
    file = max((folder / "checkpoints" / "checkpoints").glob("step-*.safetensors"))
    size = file.stat().st_size
    copy, write, sync = copied(file, folder)
    fresh, resumed = [], []
    for number in range(3):
      fresh.append(run(f"fresh-{number}", checkpoint_every=0, steps=1)[0])
      command = [a.descent, "train", "--quiet", "--resume", folder / "checkpoints",
                 "--set", f"steps={steps + number + 1}"]
      resumed.append(train(command, folder / "checkpoints" / "metrics.jsonl", old=steps + number)[0])
    # What a start takes besides (data, first weights, the first step) varies by more than reading does, so
    # all but the step is counted.
    read = min(resumed) - step

  found = {
    "bytes": size, "step": step, "pause": pause, "longest_pause": max(after) - step, "cost": cost, "copy": copy,
    "write": write, "fsync": sync, "read": read, "new_start": min(fresh) - step, "read_gigabytes_per_second": size / read / 1e9,
    "allowed_pause": copy + 0.2 * step, "steps_per_checkpoint": a.every,
  }
  if a.json:
    print(json.dumps(found, indent=2))
    return
  print(f"checkpoint  {size / 1e6:8.0f} MB, {a.layers} layers, width {a.width}, {a.threads} threads")
  for name in ("step", "pause", "longest_pause", "cost", "copy", "write", "fsync", "read", "new_start"):
    print(f"{name.replace('_', ' '):13} {1000 * found[name]:8.0f} ms")
  print(f"pause allowed {1000 * found['allowed_pause']:8.0f} ms (copy + 20 % of a step): "
        + ("kept" if pause <= found["allowed_pause"] else "exceeded"))
  print(f"read at least {found['read_gigabytes_per_second']:8.2f} GB/s")


if __name__ == "__main__":
  main()
