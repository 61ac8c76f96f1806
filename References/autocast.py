"""What PyTorch's autocast to bfloat16 computes on the CPU, for the tests of mixed precision.

Keys: round/x, /bfloat16, /float16 (numbers and the nearest ones of both formats, all float32);
<case>/<input>, /r, /y, /d<input> (autocast), /y64, /d<input>64 (float64). Cases: linear, product, conv2d,
attention (qkv side by side, 2 heads, causal), block (a transformer block with 2 heads; inputs are x and the
weights under the names of the Swift model).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors/autocast.safetensors"
HEADS = 2
generator = np.random.default_rng(11)
tensors = {}


def random(*shape, scale=1.0, offset=0.0):
  return (offset + scale * generator.standard_normal(shape)).astype(np.float32)


def case(name, operation, inputs):
  """Runs `operation(**inputs)` in autocast and in float64, differentiates sum(y * r)."""
  r = None
  for suffix, dtype in [("", torch.float32), ("64", torch.float64)]:
    leaves = {k: torch.tensor(v).to(dtype).requires_grad_() for k, v in inputs.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not suffix):
      y = operation(leaves)
    if r is None:
      r = random(*y.shape)
    (y.to(dtype) * torch.tensor(r).to(dtype)).sum().backward()
    for key, value in {"y": y.detach(), **{"d" + k: v.grad for k, v in leaves.items()}}.items():
      tensors[f"{name}/{key}{suffix}"] = value.float().numpy().copy()
  for key, value in {**inputs, "r": r}.items():
    tensors[f"{name}/{key}"] = value


def attention(x):
  b, t, wide = x.shape
  q, k, v = (z.view(b, t, HEADS, wide // 3 // HEADS).transpose(1, 2) for z in x.split(wide // 3, dim=2))
  y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
  return y.transpose(1, 2).reshape(b, t, wide // 3)


def block(p):
  norm = lambda x, n: F.layer_norm(x, x.shape[-1:], p[n + ".weight"], p[n + ".bias"], 1e-5)
  linear = lambda x, n: F.linear(x, p[n + ".weight"], p[n + ".bias"])
  x = p["x"]
  x = x + linear(attention(linear(norm(x, "ln_1"), "attn.c_attn")), "attn.c_proj")
  return x + linear(F.gelu(linear(norm(x, "ln_2"), "mlp.c_fc")), "mlp.c_proj")


def rounding():
  """Numbers of all sizes, ties among them, and what is nearest to them."""
  bits = generator.integers(0, 1 << 32, 4000, dtype=np.uint64).astype(np.uint32)
  near_one = generator.integers(0x33000000, 0x48000000, 4000, dtype=np.uint32)
  signs = generator.integers(0, 2, 4000, dtype=np.uint32) << 31
  ties = np.concatenate([near_one[:1000] & 0xFFFF0000 | 0x8000, near_one[:1000] & 0xFFFFE000 | 0x1000])
  edges = np.array([0, -0.0, np.inf, -np.inf, 65504, 65519.996, 65520, -65520, 2**-14, 2**-24, 2**-25,
    1.5 * 2**-25, 3.3e38, 3.4e38, -3.4e38, 2**-133, 2**-149], dtype=np.float32)
  x = np.concatenate([bits.view(np.float32), (near_one | signs).view(np.float32), ties.view(np.float32), edges])
  x = x[~np.isnan(x)]
  tensors["round/x"] = x
  for name, dtype in [("bfloat16", torch.bfloat16), ("float16", torch.float16)]:
    tensors[f"round/{name}"] = torch.tensor(x).to(dtype).float().numpy()


def main():
  rounding()
  case("linear", lambda p: F.linear(p["x"], p["w"], p["b"]),
    {"x": random(9, 40), "w": random(24, 40), "b": random(24)})
  case("product", lambda p: p["x"] @ p["w"], {"x": random(3, 7, 33), "w": random(3, 33, 12)})
  case("conv2d", lambda p: F.conv2d(p["x"], p["w"], p["b"], padding=1),
    {"x": random(2, 5, 6, 7), "w": random(8, 5, 3, 3), "b": random(8)})
  case("attention", lambda p: attention(p["x"]), {"x": random(2, 20, 3 * 32)})
  width = 32
  weights = {}
  for name, outputs, inputs in [
    ("attn.c_attn", 3 * width, width), ("attn.c_proj", width, width), ("mlp.c_fc", 4 * width, width),
    ("mlp.c_proj", width, 4 * width),
  ]:
    weights[name + ".weight"] = random(outputs, inputs, scale=inputs**-0.5)
    weights[name + ".bias"] = random(outputs, scale=0.2)
  for name in ["ln_1", "ln_2"]:
    weights[name + ".weight"], weights[name + ".bias"] = random(width, scale=0.1, offset=1), random(width, scale=0.1)
  case("block", block, {"x": random(3, 20, width), **weights})

  save_file(tensors, OUT, {"reference": f"torch {torch.__version__.split('+')[0]}"})
  OUT.chmod(0o644)


if __name__ == "__main__":
  main()
