"""Nanoseconds per parameter of one optimizer step in PyTorch on the CPU, float32; prints JSON lines.

`python optimizers_pytorch.py [--threads 2] [--sizes 65536,1048576,16777216] [--only NAME,...]`: one tensor of
each size, gradients fixed, the fastest of at least 5 steps and 0.5 s after warm-up.
"""

import argparse
import json
import time
import warnings

import torch

warnings.filterwarnings("ignore")


def optimizers():
  from bitsandbytes.optim import AdamW8bit
  from lion_pytorch import Lion
  from prodigyopt import Prodigy
  o = torch.optim
  return {
    "adamw fused": lambda p: o.AdamW(p, fused=True),
    "adamw foreach": lambda p: o.AdamW(p, foreach=True),
    "sgd fused": lambda p: o.SGD(p, lr=1e-3, fused=True),
    "sgd momentum fused": lambda p: o.SGD(p, lr=1e-3, momentum=0.9, fused=True),
    "rmsprop": lambda p: o.RMSprop(p, lr=1e-3),
    "lion-pytorch": lambda p: Lion(p, lr=1e-4),
    "prodigyopt": lambda p: Prodigy(p),
    "bitsandbytes adamw8bit": lambda p: AdamW8bit(p, lr=1e-3),
  }


def measure(make, size):
  torch.manual_seed(0)
  p = torch.nn.Parameter(torch.randn(size))
  p.grad = torch.randn(size) * 0.01
  optimizer = make([p])
  for _ in range(3):
    optimizer.step()
  seconds = []
  while len(seconds) < 5 or (sum(seconds) < 0.5 and len(seconds) < 2000):
    start = time.perf_counter()
    optimizer.step()
    seconds.append(time.perf_counter() - start)
  return 1e9 * min(seconds) / size


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--sizes", default="65536,1048576,16777216")
  parser.add_argument("--only", default="")
  a = parser.parse_args()
  torch.set_num_threads(a.threads)
  chosen = [n for n in a.only.split(",") if n]
  for name, make in optimizers().items():
    if not chosen or name in chosen:
      for size in map(int, a.sizes.split(",")):
        print(json.dumps({
          "optimizer": name, "parameters": size, "threads": a.threads,
          "ns_per_parameter": round(measure(make, size), 3), "torch": torch.__version__,
        }), flush=True)


if __name__ == "__main__":
  main()
