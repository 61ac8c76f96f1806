"""Values and derivatives of the network operations, float64.

Every case differentiates sum(y * r) with a fixed random r. Keys: <case>/x, /w, /b, /r, /y, /dx, /dw,
/db (those that the operation has; attention has q, k, v, dq, dk, dv; BatchNorm also running_mean and
running_var after the call, which started at 0 and 1). The metadata key `cases` holds the options as JSON.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors/operations.safetensors"
generator = np.random.default_rng(7)
tensors, cases = {}, {}


def random(*shape, scale=1.0, offset=0.0):
  return offset + scale * generator.standard_normal(shape)


def case(name, operation, inputs, constants=None, options=None):
  """Runs `operation(**inputs, **constants)`, differentiates by the inputs, stores everything."""
  leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in inputs.items()}
  fixed = {k: torch.tensor(v) for k, v in (constants or {}).items()}
  y = operation(**leaves, **fixed)
  r = random(*y.shape)
  (y * torch.tensor(r)).sum().backward()
  stored = {**inputs, "r": r, "y": y.detach().numpy()}
  stored |= {"d" + k: v.grad.numpy() for k, v in leaves.items()}
  stored |= {k: v.astype(np.int32) for k, v in (constants or {}).items()}
  for key, value in stored.items():
    tensors[f"{name}/{key}"] = np.array(value)  # a contiguous copy
  cases[name] = options or {}


def convolution(name, x, w, bias, **options):
  inputs = {"x": random(*x), "w": random(*w, scale=0.5)}
  if bias:
    inputs["b"] = random(w[0])
  case(name, lambda x, w, b=None: F.conv2d(x, w, b, **options), inputs, options=options)


def batch_norm(name, shape, options):
  mean, variance = torch.zeros(shape[1], dtype=torch.float64), torch.ones(shape[1], dtype=torch.float64)
  case(
    name,
    lambda x, w, b: F.batch_norm(x, mean, variance, w, b, True, options["momentum"], options["eps"]),
    {"x": random(*shape, offset=0.5), "w": random(shape[1], scale=0.2, offset=1), "b": random(shape[1])},
    options=options,
  )
  tensors[f"{name}/running_mean"] = mean.numpy().copy()
  tensors[f"{name}/running_var"] = variance.numpy().copy()


def attention(name, batch, heads, length, depth, causal):
  shape = (batch, heads, length, depth)
  case(
    name,
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
    {"q": random(*shape), "k": random(*shape), "v": random(*shape)},
    options={"causal": causal},
  )


def main():
  convolution("conv2d", (2, 3, 6, 5), (4, 3, 3, 3), True, stride=1, padding=0, groups=1)
  convolution("conv2d-padding", (2, 3, 5, 6), (4, 3, 3, 3), True, stride=1, padding=1, groups=1)
  convolution("conv2d-stride", (2, 3, 7, 8), (4, 3, 3, 3), True, stride=2, padding=1, groups=1)
  convolution("conv2d-no-bias", (2, 2, 5, 5), (3, 2, 2, 2), False, stride=1, padding=0, groups=1)
  convolution("conv2d-1x1", (2, 3, 4, 4), (5, 3, 1, 1), True, stride=1, padding=0, groups=1)
  convolution("conv2d-groups", (2, 4, 5, 5), (6, 2, 3, 3), True, stride=1, padding=1, groups=2)
  convolution("conv2d-depthwise", (2, 4, 6, 6), (4, 1, 3, 3), True, stride=2, padding=1, groups=4)
  convolution(
    "conv2d-uneven", (1, 2, 7, 6), (3, 2, 3, 2), True, stride=(2, 1), padding=(1, 0), groups=1)

  for name, x, options in [
    ("max_pool2d", (2, 3, 6, 6), dict(kernel_size=2, stride=2, padding=0)),
    ("max_pool2d-overlap", (2, 2, 7, 7), dict(kernel_size=3, stride=2, padding=1)),
  ]:
    case(name, lambda x: F.max_pool2d(x, **options), {"x": random(*x)}, options=options)
  for name, x, options in [
    ("avg_pool2d", (2, 3, 6, 6), dict(kernel_size=2, stride=2, padding=0)),
    ("avg_pool2d-global", (2, 3, 4, 5), dict(kernel_size=(4, 5), stride=1, padding=0)),
    ("avg_pool2d-padding", (2, 2, 7, 7),
      dict(kernel_size=3, stride=2, padding=1, count_include_pad=True)),
  ]:
    case(name, lambda x: F.avg_pool2d(x, **options), {"x": random(*x)}, options=options)

  batch_norm("batch_norm2d", (4, 3, 3, 2), {"momentum": 0.1, "eps": 1e-5})
  batch_norm("batch_norm1d", (6, 5), {"momentum": 0.1, "eps": 1e-5})

  for name, shape, bias, eps in [
    ("layer_norm", (2, 3, 8), True, 1e-5), ("layer_norm-no-bias", (5, 6), False, 1e-5),
    ("layer_norm-eps", (2, 4, 7), True, 0.1),
  ]:
    inputs = {"x": random(*shape, offset=0.3), "w": random(shape[-1], scale=0.2, offset=1)}
    if bias:
      inputs["b"] = random(shape[-1])
    case(
      name, lambda x, w, b=None: F.layer_norm(x, x.shape[-1:], w, b, eps), inputs,
      options={"eps": eps})
  for name, eps in [("rms_norm", 1e-6), ("rms_norm-eps", 0.1)]:
    case(
      name, lambda x, w: F.rms_norm(x, x.shape[-1:], w, eps),
      {"x": random(2, 3, 8, offset=0.3), "w": random(8, scale=0.2, offset=1)}, options={"eps": eps})

  # Wide enough to reach both tails of every activation.
  wide = lambda: np.concatenate([random(24, scale=2), [-30.0, -8.0, -0.1, 0.0, 0.1, 8.0, 30.0]])
  for name, operation in [
    ("gelu", F.gelu), ("gelu-tanh", lambda x: F.gelu(x, approximate="tanh")), ("silu", F.silu),
    ("relu", F.relu), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh),
  ]:
    case(name, lambda x: operation(x), {"x": wide()})

  case("softmax", lambda x: x.softmax(-1), {"x": random(3, 4, 7, scale=2)})
  case("softmax-large", lambda x: x.softmax(-1), {"x": random(3, 5, offset=1000)})
  case("log_softmax", lambda x: x.log_softmax(-1), {"x": random(4, 6, scale=2)})

  labels = lambda n, classes: generator.integers(0, classes, n)
  ignored = labels(6, 5)
  ignored[[1, 4]] = -100
  for name, n, classes, targets, options in [
    ("cross_entropy", 6, 5, None, {}),
    ("cross_entropy-sum", 6, 5, None, {"reduction": "sum"}),
    ("cross_entropy-smoothing", 6, 5, None, {"label_smoothing": 0.1}),
    ("cross_entropy-ignore", 6, 5, ignored, {"ignore_index": -100}),
    ("cross_entropy-smoothing-ignore", 6, 5, ignored, {"label_smoothing": 0.1, "ignore_index": -100}),
  ]:
    case(
      name, lambda x, targets: F.cross_entropy(x, targets, **options),
      {"x": random(n, classes, scale=2)},
      {"targets": labels(n, classes) if targets is None else targets}, options)

  # Index 4 twice: its gradient is a sum. Index 2 never: its gradient is zero.
  case(
    "embedding", lambda w, x: F.embedding(x, w), {"w": random(6, 4)},
    {"x": np.array([[4, 0, 1], [5, 4, 3]])})
  case(
    "linear", lambda x, w, b: F.linear(x, w, b),
    {"x": random(2, 3, 5), "w": random(4, 5), "b": random(4)})
  case("linear-no-bias", lambda x, w: F.linear(x, w), {"x": random(6, 5), "w": random(3, 5)})
  case("mse", lambda x, w: F.mse_loss(x, w), {"x": random(4, 3), "w": random(4, 3)})

  attention("attention-causal", 2, 2, 5, 4, True)
  attention("attention-causal-one", 1, 2, 1, 3, True)
  attention("attention", 2, 2, 4, 3, False)

  OUT.parent.mkdir(parents=True, exist_ok=True)
  reference = f"torch {torch.__version__.split('+')[0]}"
  save_file(tensors, OUT, {"reference": reference, "cases": json.dumps(cases)})
  OUT.chmod(0o644)


if __name__ == "__main__":
  main()
