"""Loss and gradients of a tiny GPT, for the tests of the model and the tape.

Keys: <bias|nobias>/param/<name>, /grad64/<name>, /grad32/<name>, /loss64, /loss32; tokens, targets.
The weights are float32; the float64 run starts from the same values.
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

LAYERS, HEADS, WIDTH, CONTEXT, VOCAB, BATCH = 2, 2, 16, 8, 11, 3
OUT = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors/gpt.safetensors"


def parameters(bias, generator):
  """Initial weights, large enough that no gradient is tiny; gains near 1."""
  shapes = {"wte.weight": (VOCAB, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
  for i in range(LAYERS):
    p = f"h.{i}."
    shapes |= {
      p + "ln_1.weight": (WIDTH,), p + "ln_1.bias": (WIDTH,),
      p + "attn.c_attn.weight": (3 * WIDTH, WIDTH), p + "attn.c_attn.bias": (3 * WIDTH,),
      p + "attn.c_proj.weight": (WIDTH, WIDTH), p + "attn.c_proj.bias": (WIDTH,),
      p + "ln_2.weight": (WIDTH,), p + "ln_2.bias": (WIDTH,),
      p + "mlp.c_fc.weight": (4 * WIDTH, WIDTH), p + "mlp.c_fc.bias": (4 * WIDTH,),
      p + "mlp.c_proj.weight": (WIDTH, 4 * WIDTH), p + "mlp.c_proj.bias": (WIDTH,),
    }
  shapes |= {"ln_f.weight": (WIDTH,), "ln_f.bias": (WIDTH,)}
  result = {}
  for name, shape in shapes.items():
    if name.endswith(".bias") and not bias:
      continue
    value = generator.normal(0, 0.2, shape)
    if ".ln_" in "." + name and name.endswith(".weight"):
      value = value + 1
    result[name] = value.astype(np.float32)
  return result


def loss(p, tokens, targets):
  """Cross-entropy of the model with weights `p`; the output layer is wte transposed."""
  norm = lambda x, n: F.layer_norm(x, (WIDTH,), p[n + ".weight"], p.get(n + ".bias"), 1e-5)
  linear = lambda x, n: F.linear(x, p[n + ".weight"], p.get(n + ".bias"))
  b, t = tokens.shape
  x = p["wte.weight"][tokens] + p["wpe.weight"][:t]
  mask = torch.ones(t, t, dtype=torch.bool).tril()
  for i in range(LAYERS):
    h = f"h.{i}."
    q, k, v = (
      z.view(b, t, HEADS, WIDTH // HEADS).transpose(1, 2)
      for z in linear(norm(x, h + "ln_1"), h + "attn.c_attn").split(WIDTH, dim=2)
    )
    scores = (q @ k.transpose(-2, -1)) / math.sqrt(WIDTH // HEADS)
    y = scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
    x = x + linear(y.transpose(1, 2).reshape(b, t, WIDTH), h + "attn.c_proj")
    x = x + linear(F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc")), h + "mlp.c_proj")
  logits = norm(x, "ln_f") @ p["wte.weight"].T
  return F.cross_entropy(logits.reshape(b * t, VOCAB), targets.reshape(-1))


def main():
  generator = np.random.default_rng(20240601)
  tokens = generator.integers(0, VOCAB, (BATCH, CONTEXT)).astype(np.int32)
  targets = generator.integers(0, VOCAB, (BATCH, CONTEXT)).astype(np.int32)
  out = {"tokens": tokens, "targets": targets}
  for prefix, bias in (("bias", True), ("nobias", False)):
    weights = parameters(bias, generator)
    for suffix, dtype in (("64", torch.float64), ("32", torch.float32)):
      p = {n: torch.tensor(w).to(dtype).requires_grad_() for n, w in weights.items()}
      value = loss(p, torch.tensor(tokens).long(), torch.tensor(targets).long())
      value.backward()
      out[f"{prefix}/loss{suffix}"] = value.detach().numpy().copy()
      for n, w in p.items():
        out[f"{prefix}/grad{suffix}/{n}"] = w.grad.numpy().copy()
    for n, w in weights.items():
      out[f"{prefix}/param/{n}"] = w
  OUT.parent.mkdir(parents=True, exist_ok=True)
  save_file(out, OUT, {"reference": f"torch {torch.__version__.split('+')[0]}"})
  OUT.chmod(0o644)


if __name__ == "__main__":
  main()
