"""Trajectories of 8-bit optimizer state: bitsandbytes on the CPU, and the nearest-code quantizer.

Keys as in trajectories.py; in addition `<case>/codes/<t>/<slot>/<name>` (U8) and
`<case>/absmax/<t>/<slot>/<name>` (F32, one a block of 256) at the steps of STORED, and `map/signed`,
`map/unsigned` (the 256 values). Metadata: quantizer "table" is the 65,536-entry table of the CPU wheel,
"nearest" the nearest of the 256 values (ties to the lower code); `minimum` is the least number of
elements that is stored in 8 bits (below it: float32 state). Parameter `zeros` has a block whose
gradients are all zero and single zeros elsewhere. Where absmax is 0 the codes mean nothing.
"""

import math
from importlib.metadata import version

import bitsandbytes as bnb
import numpy as np
import torch

from trajectories import File, Problem

STORED = (1, 2, 5, 10)
STEPS = 10
SMALL = {"long": (2, 300), "short": (40,), "zeros": (300,)}


class EightBitProblem(Problem):
  def gradient(self, name, t, weight):
    g = super().gradient(name, t, weight)
    if name == "zeros":
      g[:256] = 0
      g[256::4] = 0
    return g


def maps():
  return {
    "signed": bnb.functional.create_dynamic_map(True).numpy(),
    "unsigned": bnb.functional.create_dynamic_map(False).numpy(),
  }


def reference(target, case, name, make, settings, minimum=1, shapes=SMALL, steps=STEPS):
  torch.set_default_dtype(torch.float32)
  problem = EightBitProblem(shapes)
  p = {n: torch.nn.Parameter(torch.tensor(w, dtype=torch.float32)) for n, w in problem.initial.items()}
  optimizer = make(list(p.values()), **settings, min_8bit_size=minimum)
  out = {f"param/{n}": x.detach().numpy().copy() for n, x in p.items()}
  for t in range(1, steps + 1):
    for n, x in p.items():
      g = problem.gradient(n, t, x.detach().numpy()).astype(np.float32)
      x.grad = torch.tensor(g)
      out[f"grad/{t}/{n}"] = g
    optimizer.step()
    if t in STORED or t == steps:
      for n, x in p.items():
        out[f"param/{t}/{n}"] = x.detach().numpy().copy()
        for slot, value in optimizer.state[x].items():
          if slot.startswith("state") and value.dtype == torch.uint8:
            out[f"codes/{t}/{slot}/{n}"] = value.numpy().copy()
          elif slot.startswith("state"):
            out[f"float32/{t}/{slot}/{n}"] = value.numpy().copy()
          elif slot.startswith("absmax"):
            out[f"absmax/{t}/{slot.replace('absmax', 'state')}/{n}"] = value.numpy().copy()
  target.add(
    case, out, optimizer=name, set=settings, dtype="F32", steps=steps, rtol=1e-5, state="int8",
    quantizer="table", minimum=minimum, reference=f"bitsandbytes {version('bitsandbytes')}")


def quantize(x, values):
  """Codes and absmax of blocks of 256; the nearest value, ties to the lower code. In the unsigned map
  only 0 becomes 0."""
  x = x.reshape(-1)
  absmax = np.array([np.abs(x[i:i + 256]).max() for i in range(0, x.size, 256)], np.float32)
  scale = np.repeat(absmax, 256)[:x.size]
  with np.errstate(invalid="ignore", divide="ignore"):
    ratio = np.where(scale > 0, x / scale, np.float32(0)).astype(np.float32)
  middles = (values[1:].astype(np.float64) + values[:-1]) / 2
  codes = np.searchsorted(middles, ratio, side="left")
  if values[0] == 0:
    codes[(codes == 0) & (x > 0)] = 1
  return codes.astype(np.uint8), absmax


def dequantize(codes, absmax, values, shape):
  return (values[codes] * np.repeat(absmax, 256)[:codes.size]).astype(np.float32).reshape(shape)


def adamw(w, g, states, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
  f = np.float32
  m = f(betas[0]) * states["exp_avg"] + f(1 - betas[0]) * g
  v = f(betas[1]) * states["exp_avg_sq"] + f(1 - betas[1]) * g * g
  denominator = np.sqrt(v) / f(math.sqrt(1 - betas[1] ** t)) + f(eps)
  w = w * f(1 - lr * weight_decay) - f(lr / (1 - betas[0] ** t)) * m / denominator
  return w, {"exp_avg": m, "exp_avg_sq": v}


def lion(w, g, states, t, lr, betas=(0.9, 0.99), weight_decay=0.0):
  f = np.float32
  m = states["exp_avg"]
  c = f(betas[0]) * m + f(1 - betas[0]) * g
  w = w * f(1 - lr * weight_decay) - f(lr) * np.sign(c)
  return w, {"exp_avg": f(betas[1]) * m + f(1 - betas[1]) * g}


def momentum(w, g, states, t, lr, momentum, weight_decay=0.0):
  f = np.float32
  g = g + f(weight_decay) * w
  b = g if t == 1 else f(momentum) * states["momentum_buffer"] + g
  return w - f(lr) * b, {"momentum_buffer": b}


def nearest(target, case, name, rule, slots, settings):
  """float32 arithmetic around the nearest-code quantizer."""
  problem, tables = EightBitProblem(SMALL), maps()
  w = {n: x.astype(np.float32) for n, x in problem.initial.items()}
  coded = {n: {s: quantize(np.zeros_like(x), tables[kind]) for s, kind in slots.items()}
           for n, x in w.items()}
  out = {f"param/{n}": x for n, x in w.items()}
  for t in range(1, STEPS + 1):
    for n in w:
      g = out[f"grad/{t}/{n}"] = problem.gradient(n, t, w[n]).astype(np.float32)
      states = {s: dequantize(*coded[n][s], tables[kind], g.shape) for s, kind in slots.items()}
      w[n], new = rule(w[n], g, states, t, **settings)
      coded[n] = {s: quantize(new[s], tables[kind]) for s, kind in slots.items()}
      if t in STORED:
        out[f"param/{t}/{n}"] = w[n]
        for s, (codes, absmax) in coded[n].items():
          out[f"codes/{t}/{s}/{n}"], out[f"absmax/{t}/{s}/{n}"] = codes, absmax
  target.add(
    case, out, optimizer=name, set=settings, dtype="F32", steps=STEPS, rtol=1e-5, state="int8",
    quantizer="nearest", minimum=1, reference="formula: nearest code, float32 arithmetic")


def main():
  target = File("eight-bit")
  adam = dict(lr=0.01, weight_decay=0.1)
  sgd = dict(lr=0.05, momentum=0.9, weight_decay=0.01)
  reference(target, "adamw-table", "adamw", bnb.optim.AdamW8bit, adam)
  reference(target, "lion-table", "lion", bnb.optim.Lion8bit, adam)
  reference(target, "sgd-table", "sgd", bnb.optim.SGD8bit, sgd)
  # Not RMSprop and Adagrad: their squares are kept in the signed map, which wastes half of it.
  reference(
    target, "adamw-minimum", "adamw", bnb.optim.AdamW8bit, adam, 4096,
    {"eight": (64, 64), "thirty-two": (4095,)}, 2)
  both = {"exp_avg": "signed", "exp_avg_sq": "unsigned"}
  nearest(target, "adamw-nearest", "adamw", adamw, both, adam)
  nearest(target, "lion-nearest", "lion", lion, {"exp_avg": "signed"}, adam)
  nearest(target, "sgd-nearest", "sgd", momentum, {"momentum_buffer": "signed"}, sgd)
  for kind, values in maps().items():
    target.tensors[f"map/{kind}"] = values
  target.save()


if __name__ == "__main__":
  main()
