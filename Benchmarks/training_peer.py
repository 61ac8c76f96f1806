"""One model of training.py in PyTorch: prints the seconds of its steps, or of its tokens, as JSON."""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
  """As in peft: the weight is frozen, a map of low rank is learned beside it."""

  def __init__(self, inputs, outputs, rank):
    super().__init__()
    self.base = nn.Linear(inputs, outputs)
    self.base.requires_grad_(False)
    self.a = nn.Linear(inputs, rank, bias=False)
    self.b = nn.Linear(rank, outputs, bias=False)
    nn.init.zeros_(self.b.weight)

  def forward(self, x):
    return self.base(x) + self.b(self.a(x))


class Block(nn.Module):
  def __init__(self, width, heads, bias, causal=True, dropout=0.0, gelu="none", linear=None):
    super().__init__()
    linear = linear or (lambda inputs, outputs: nn.Linear(inputs, outputs, bias=bias))
    self.heads, self.causal, self.dropout, self.gelu = heads, causal, dropout, gelu
    self.norm1, self.norm2 = nn.LayerNorm(width, bias=bias), nn.LayerNorm(width, bias=bias)
    self.qkv, self.attended = linear(width, 3 * width), linear(width, width)
    self.expand, self.contract = linear(width, 4 * width), linear(4 * width, width)

  def split(self, x):
    b, t, c = x.shape
    part = lambda z: z.view(b, t, self.heads, c // self.heads).transpose(1, 2)
    return map(part, self.qkv(self.norm1(x)).chunk(3, dim=-1))

  def joined(self, x, y):
    drop = lambda z: F.dropout(z, self.dropout, self.training) if self.dropout else z
    x = x + drop(self.attended(y.transpose(1, 2).reshape(x.shape)))
    return x + drop(self.contract(F.gelu(self.expand(self.norm2(x)), approximate=self.gelu)))

  def forward(self, x):
    q, k, v = self.split(x)
    y = F.scaled_dot_product_attention(
      q, k, v, is_causal=self.causal, dropout_p=self.dropout if self.training else 0.0)
    return self.joined(x, y)

  def step(self, x, keys, values, place, mask):
    """One more token, at `place` of the cache."""
    q, k, v = self.split(x)
    keys[:, :, place], values[:, :, place] = k[:, :, 0], v[:, :, 0]
    return self.joined(x, F.scaled_dot_product_attention(q, keys, values, attn_mask=mask))


class GPT(nn.Module):
  def __init__(self, m, vocabulary, bias=False, gelu="none", rank=0):
    super().__init__()
    width, layers = m["width"], m["layers"]
    linear = (lambda inputs, outputs: LoRALinear(inputs, outputs, rank)) if rank else None
    self.tokens = nn.Embedding(vocabulary, width)
    self.positions = nn.Embedding(m["context"], width)
    self.blocks = nn.ModuleList(
      Block(width, m["heads"], bias, gelu=gelu, linear=linear) for _ in range(layers))
    self.norm = nn.LayerNorm(width, bias=bias)
    for name, p in self.named_parameters():
      if p.dim() >= 2 and ".b." not in name:
        residual = "attended" in name or "contract" in name
        nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * layers) if residual else 0.02)
      if rank:
        p.requires_grad_(".a." in name or ".b." in name)

  def logits(self, h):
    return F.linear(self.norm(h), self.tokens.weight)

  def forward(self, x, targets):
    h = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
    for block in self.blocks:
      h = block(h)
    return F.cross_entropy(self.logits(h).flatten(0, 1), targets.flatten())

  def step(self, token, place, cache, mask):
    h = self.tokens(token) + self.positions(place)
    for block, (keys, values) in zip(self.blocks, cache):
      h = block.step(h, keys, values, place, mask)
    return self.logits(h).argmax(-1)


class CNN(nn.Module):
  def __init__(self, m):
    super().__init__()
    layers, before = [], 1
    for channels in m["channels"]:
      for inputs in (before, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
      layers.append(nn.MaxPool2d(2))
      before = channels
    self.layers, self.head = nn.Sequential(*layers), nn.Linear(before, 10)

  def forward(self, x, labels):
    return F.cross_entropy(self.head(self.layers(x).mean((2, 3))), labels)


class ViT(nn.Module):
  def __init__(self, m):
    super().__init__()
    width, patch = m["width"], m["patch"]
    self.dropout = m["dropout"]
    self.project = nn.Conv2d(1, width, patch, stride=patch)
    self.positions = nn.Parameter(torch.randn((m["image"] // patch) ** 2, width) * 0.02)
    self.blocks = nn.ModuleList(
      Block(width, m["heads"], True, causal=False, dropout=self.dropout) for _ in range(m["layers"]))
    self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

  def forward(self, x, labels):
    h = self.project(x).flatten(2).transpose(1, 2) + self.positions
    if self.dropout:
      h = F.dropout(h, self.dropout, self.training)
    for block in self.blocks:
      h = block(h)
    return F.cross_entropy(self.head(self.norm(h).mean(1)), labels)


def optimizer_of(model):
  parameters = [p for p in model.parameters() if p.requires_grad]
  groups = [
    {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
    {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}]
  return torch.optim.AdamW([g for g in groups if g["params"]], lr=1e-3, betas=(0.9, 0.99), fused=True)


def batches(m, text):
  """A function that makes batches, and the number of tokens."""
  if "image" in m:
    images = torch.rand(2000, 1, m["image"], m["image"])
    labels = torch.randint(10, (2000,))

    def draw():
      places = torch.randint(2000, (m["batch"],))
      return images[places], labels[places]
    return draw, 0
  text = text.read_text(encoding="utf-8")
  if m["kind"] == "lora":
    data, vocabulary = torch.tensor(list(text.encode())), m["vocabulary"]
  else:
    index = {c: i for i, c in enumerate(sorted(set(text)))}
    data, vocabulary = torch.tensor([index[c] for c in text]), len(index)
  data = data[:int(0.9 * len(data))]

  def draw():
    starts = torch.randint(len(data) - m["context"], (m["batch"],))
    rows = torch.stack([data[i:i + m["context"] + 1] for i in starts])
    return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
  return draw, vocabulary


def train(m, a):
  draw, vocabulary = batches(m, a.text)
  if m["kind"] == "gpt":
    model = GPT(m, vocabulary)
  elif m["kind"] == "lora":
    model = GPT(m, vocabulary, bias=True, gelu="tanh", rank=m["rank"])
  else:
    model = CNN(m) if m["kind"] == "cnn" else ViT(m)
  optimizer = optimizer_of(model)
  trained = [p for p in model.parameters() if p.requires_grad]
  loss_of = torch.compile(model) if a.mode == "compiled" else model
  seconds, losses, processor = [], [], 0
  warm = min(10, a.steps // 2)
  for i in range(a.steps):
    if i == warm:
      processor = time.process_time()
    start = time.perf_counter()
    loss = loss_of(*draw())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if m["kind"] != "cnn":
      nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    losses.append(loss.item())
    seconds.append(time.perf_counter() - start)
  processor = (time.process_time() - processor) / (a.steps - warm)
  return {"seconds": seconds, "processor": processor, "loss": statistics.mean(losses[-20:])}


@torch.inference_mode()
def generate(m, a):
  model = GPT(m, m["vocabulary"], bias=True, gelu="tanh").eval()
  context, size = m["context"], m["width"] // m["heads"]
  cache = [[torch.zeros(1, m["heads"], context, size) for _ in range(2)] for _ in range(m["layers"])]
  compiled = a.mode == "compiled"
  step = torch.compile(model.step) if compiled else model.step
  token = torch.zeros(1, 1, dtype=torch.long)
  seconds = []
  for i in range(24 + a.steps):
    if i == 24:
      processor = time.process_time()
    start = time.perf_counter()
    if compiled:
      # Shapes that stay: the mask leaves out what is not there yet.
      token = step(token, torch.tensor(i), cache, (torch.arange(context) <= i)[None])
    else:
      seen = [(keys[:, :, :i + 1], values[:, :, :i + 1]) for keys, values in cache]
      token = step(token, torch.tensor(i), seen, None)
    token.item()
    seconds.append(time.perf_counter() - start)
  return {"seconds": seconds[24:], "processor": (time.process_time() - processor) / a.steps}


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("model", type=json.loads)
  parser.add_argument("--mode", choices=("eager", "compiled"), default="eager")
  parser.add_argument("--steps", type=int, default=100)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--text", type=Path)
  a = parser.parse_args()
  torch.set_num_threads(a.threads)
  torch.manual_seed(1337)
  print(json.dumps(generate(a.model, a) if a.model["kind"] == "generate" else train(a.model, a)))


if __name__ == "__main__":
  main()
