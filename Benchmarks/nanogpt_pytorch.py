"""The character-level GPT benchmark in PyTorch eager on the CPU; prints JSON lines.

`python nanogpt_pytorch.py --text FILE --iterations N`: the model of `descent train` with the same keys:
no dropout, no biases, tied embeddings, exact GELU; AdamW (0.9, 0.99), weight decay 0.1 on matrices only,
norm clipped at 1; 100 steps of warm-up, then a cosine from 1e-3 to 1e-4 at step 2000.
"""

import argparse
import json
import math
import resource
import statistics
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

KINDS = {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}
WARMUP, DECAY, PEAK, FLOOR = 100, 2000, 1e-3, 1e-4


class Block(nn.Module):
  def __init__(self, width, heads):
    super().__init__()
    self.heads = heads
    self.norm1 = nn.LayerNorm(width, bias=False)
    self.norm2 = nn.LayerNorm(width, bias=False)
    self.qkv = nn.Linear(width, 3 * width, bias=False)
    self.attended = nn.Linear(width, width, bias=False)
    self.expand = nn.Linear(width, 4 * width, bias=False)
    self.contract = nn.Linear(4 * width, width, bias=False)

  def forward(self, x):
    b, t, c = x.shape
    split = lambda z: z.view(b, t, self.heads, c // self.heads).transpose(1, 2)
    q, k, v = map(split, self.qkv(self.norm1(x)).chunk(3, dim=-1))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    x = x + self.attended(y.transpose(1, 2).reshape(b, t, c))
    return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class GPT(nn.Module):
  def __init__(self, vocabulary, layers, heads, width, context):
    super().__init__()
    self.tokens = nn.Embedding(vocabulary, width)
    self.positions = nn.Embedding(context, width)
    self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
    self.norm = nn.LayerNorm(width, bias=False)
    for name, p in self.named_parameters():
      if p.dim() >= 2:
        residual = name.endswith(("attended.weight", "contract.weight"))
        nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * layers) if residual else 0.02)

  def forward(self, x, targets):
    h = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
    for block in self.blocks:
      h = block(h)
    logits = F.linear(self.norm(h), self.tokens.weight)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def rate(t):
  if t < WARMUP:
    return PEAK * (t + 1) / (WARMUP + 1)
  share = min(1, (t - WARMUP) / (DECAY - WARMUP))
  return FLOOR + (PEAK - FLOOR) * (1 + math.cos(math.pi * share)) / 2


def make_optimizer(model, kind):
  decayed = [p for p in model.parameters() if p.dim() >= 2]
  others = [p for p in model.parameters() if p.dim() < 2]
  groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
  return torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.99), **KINDS[kind])


def batch(data, size, context):
  starts = torch.randint(len(data) - context, (size,))
  rows = torch.stack([data[i:i + context + 1] for i in starts])
  return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()


def train(model, optimizer, data, a, iterations, report=True):
  """Seconds of each iteration: batch, forward, backward, clip and step."""
  seconds = []
  for t in range(iterations):
    start = time.perf_counter()
    for group in optimizer.param_groups:
      group["lr"] = rate(t)
    loss = model(*batch(data, a.batch, a.context))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    seconds.append(time.perf_counter() - start)
    if report and (t % 100 == 0 or t + 1 == iterations):
      print(json.dumps({"step": t + 1, "loss": round(loss.item(), 4)}), flush=True)
  return seconds


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--text", required=True, type=Path)
  for name, default in (
    ("iterations", 2000), ("threads", 2), ("layers", 4), ("heads", 4), ("width", 128), ("context", 64),
    ("batch", 12), ("seed", 1337), ("validation-batches", 200)):
    parser.add_argument(f"--{name}", type=int, default=default)
  parser.add_argument("--adamw", choices=("fastest", *KINDS), default="fastest")
  a = parser.parse_args()
  torch.set_num_threads(a.threads)

  text = a.text.read_text(encoding="utf-8")
  index = {c: i for i, c in enumerate(sorted(set(text)))}
  data = torch.tensor([index[c] for c in text])
  cut = int(0.9 * len(data))
  training, validation = data[:cut], data[cut:]

  def fresh(kind):
    torch.manual_seed(a.seed)
    model = GPT(len(index), a.layers, a.heads, a.width, a.context)
    return model, make_optimizer(model, kind)

  kind = a.adamw
  if kind == "fastest":
    # A short run of each; the batches and the model are the same for all.
    trial = {k: statistics.median(train(*fresh(k), training, a, 30, False)[10:]) for k in KINDS}
    kind = min(trial, key=trial.get)
    print(json.dumps({"adamw_trial_ms": {k: round(1000 * s, 2) for k, s in trial.items()}}))

  model, optimizer = fresh(kind)
  seconds = train(model, optimizer, training, a, a.iterations)
  settled = [1000 * s for s in seconds[min(20, len(seconds) // 2):]]
  model.eval()
  with torch.no_grad():
    torch.manual_seed(a.seed)
    losses = [model(*batch(validation, a.batch, a.context)).item() for _ in range(a.validation_batches)]
  print(json.dumps({
    "framework": f"torch {torch.__version__}", "threads": a.threads, "iterations": a.iterations,
    "layers": a.layers, "heads": a.heads, "width": a.width, "context": a.context, "batch": a.batch,
    "parameters": sum(p.numel() for p in model.parameters()), "vocabulary": len(index),
    "adamw": kind,
    "ms_median": round(statistics.median(settled), 3), "ms_mean": round(statistics.mean(settled), 3),
    "val_loss": round(statistics.mean(losses), 4), "val_batches": a.validation_batches,
    "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                         / (1024**2 if sys.platform == "darwin" else 1024), 1),
  }))


if __name__ == "__main__":
  main()
