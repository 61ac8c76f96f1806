"""Nanoseconds a weight of one optimizer step in other packages on the CPU, float32; prints JSON lines.

  python optimizers_peers.py [--threads 2] [--parameters 16777216] [--shape 1024x1024] [--mean N] [--only NAME;...]

One tensor of all parameters, or as many of the shape as there are; gradients fixed; the fastest of at least 5
steps and 0.5 s after warm-up, or the mean of N steps after the first (of fewer after a minute). What cannot be
imported here is named on standard error and left out.
"""

import argparse
import functools
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("TORCHDYNAMO_VERBOSE", "0")


def torch_optimizer(name, **settings):
  import torch
  return lambda p: getattr(torch.optim, name)(p, lr=1e-3, **settings)


def other(module, name, **settings):
  import importlib
  found = getattr(importlib.import_module(module), name)
  return lambda p: found(p, **settings)


def pytorch_optimizer_muon(parameters):
  from pytorch_optimizer import Muon
  return Muon([dict(params=parameters, use_muon=True)])


class Float32Muon:
  """torch.optim.Muon's step with pytorch_optimizer's iteration in float32: for processors without bfloat16."""

  def __init__(self, parameters):
    import torch
    self.parameters = parameters
    self.buffers = [torch.zeros_like(p) for p in parameters]

  def step(self):
    import torch
    from pytorch_optimizer.optimizer.utils.matrix import zero_power_via_newton_schulz_5
    with torch.no_grad():
      for p, m in zip(self.parameters, self.buffers):
        m.lerp_(p.grad, 0.05)
        update = zero_power_via_newton_schulz_5(p.grad.lerp(m, 0.95), dtype=torch.float32)
        p.mul_(1 - 1e-4).add_(update, alpha=-1e-3)


def with_norm(make):
  """The step with what Descent's does by default: a norm over all gradients, and a refusal."""
  import torch

  def build(parameters):
    optimizer = make(parameters)
    step = optimizer.step

    def guarded():
      torch.nn.utils.get_total_norm([p.grad for p in parameters], error_if_nonfinite=True)
      step()
    optimizer.step = guarded
    return optimizer
  return build


def compiled(make):
  import torch

  def build(parameters):
    optimizer = make(parameters)
    optimizer.step = torch.compile(optimizer.step)
    return optimizer
  return build


def optax_step(name, **settings):
  """A step of optax, compiled, whose arrays are given away."""
  import jax
  import optax
  make = getattr(optax, name)(1e-3, **settings)

  def build(shapes, draw):
    weights = [jax.numpy.asarray(draw(s)) for s in shapes]
    gradients = [jax.numpy.asarray(draw(s) * 0.01) for s in shapes]
    state = make.init(weights)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(weights, state, gradients):
      updates, state = make.update(gradients, state, weights)
      return optax.apply_updates(weights, updates), state

    held = [weights, state]

    def run():
      held[0], held[1] = step(held[0], held[1], gradients)
      jax.block_until_ready(held[0])
    return run
  return build


# What ScalableShampoo does, with its frequency of Schur-Newton iterations.
SCALABLE = (
  "shampoo-distributed(max_preconditioner_dim=2048,precondition_frequency=10,grafting=sgd,momentum=0.9,"
  "nesterov=true)")

# The name in Descent (and its format of state), the package, and what makes the optimizer.
PEERS = [
  ("adamw", "torch fused", lambda: torch_optimizer("AdamW", fused=True)),
  ("adamw", "torch fused with norm", lambda: with_norm(torch_optimizer("AdamW", fused=True))),
  ("adamw", "torch", lambda: torch_optimizer("AdamW", foreach=True)),
  ("adamw", "torch compiled", lambda: compiled(torch_optimizer("AdamW", foreach=True))),
  ("adamw", "optax", lambda: optax_step("adamw")),
  ("adamw", "deepspeed", lambda: other("deepspeed.ops.adam", "DeepSpeedCPUAdam", lr=1e-3)),
  ("adamw/int8", "bitsandbytes", lambda: other("bitsandbytes.optim", "AdamW8bit", lr=1e-3)),
  ("adamw/int8", "torchao", lambda: other("torchao.optim", "AdamW8bit", lr=1e-3)),
  ("sgd", "torch fused", lambda: torch_optimizer("SGD", fused=True)),
  ("sgd", "torch fused with norm", lambda: with_norm(torch_optimizer("SGD", fused=True))),
  ("sgd(momentum=0.9)", "torch fused", lambda: torch_optimizer("SGD", momentum=0.9, fused=True)),
  ("adagrad", "torch fused", lambda: torch_optimizer("Adagrad", fused=True)),
  *((name.lower(), "torch", functools.partial(torch_optimizer, name))
    for name in ["RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD"]),
  ("lion", "lion-pytorch", lambda: other("lion_pytorch", "Lion", lr=1e-4)),
  ("lion", "optax", lambda: optax_step("lion")),
  ("lion/int8", "bitsandbytes", lambda: other("bitsandbytes.optim", "Lion8bit", lr=1e-4)),
  ("prodigy", "prodigyopt", lambda: other("prodigyopt", "Prodigy")),
  ("schedule-free-adamw", "schedulefree", lambda: other("schedulefree", "AdamWScheduleFree")),
  ("adafactor", "transformers", lambda: other("transformers.optimization", "Adafactor")),
  ("adafactor-torch", "torch", lambda: torch_optimizer("Adafactor")),
  ("lamb", "pytorch_optimizer", lambda: other("pytorch_optimizer", "Lamb", lr=1e-3)),
  ("lars", "pytorch_optimizer", lambda: other("pytorch_optimizer", "LARS", lr=1e-3)),
  ("muon", "torch", lambda: torch_optimizer("Muon")),
  ("muon", "pytorch_optimizer", lambda: pytorch_optimizer_muon),
  ("muon", "torch by hand in float32", lambda: Float32Muon),
  ("shampoo", "pytorch_optimizer", lambda: other("pytorch_optimizer", "Shampoo", lr=1e-3)),
  (SCALABLE, "pytorch_optimizer", lambda: other(
    "pytorch_optimizer", "ScalableShampoo", lr=1e-3, block_size=2048, start_preconditioning_step=10,
    preconditioning_compute_steps=10)),
  ("soap", "pytorch_optimizer", lambda: other("pytorch_optimizer", "SOAP", lr=1e-3)),
]


# Without a shape these get what Descent's benchmark gives them.
MATRIX_RULES = ["adafactor", "adafactor-torch", "muon", "shampoo", "soap"]


def shapes(name, parameters, shape):
  if not shape and name in MATRIX_RULES:
    parameters, shape = min(parameters, 1 << 20), "256x256"
  if not shape:
    return [(parameters,)]
  lengths = tuple(map(int, shape.split("x")))
  size = 1
  for length in lengths:
    size *= length
  return [lengths] * max(1, parameters // size)


def measure(make, sizes, mean):
  import torch
  torch.manual_seed(0)
  if make.__qualname__.startswith("optax_step"):
    step = make(sizes, lambda s: torch.randn(s).numpy())
  else:
    parameters = [torch.nn.Parameter(torch.randn(s)) for s in sizes]
    for p in parameters:
      p.grad = torch.randn(p.shape) * 0.01
    optimizer = make(parameters)
    if hasattr(optimizer, "train"):
      optimizer.train()
    step = optimizer.step
  for _ in range(1 if mean else 3):
    step()
  seconds = []
  while len(seconds) < mean:
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
    if sum(seconds) > 60:
      break
  while not mean and (len(seconds) < 5 or (sum(seconds) < 0.5 and len(seconds) < 2000)):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
    if sum(seconds) > 20:
      break
  count = 0
  for s in sizes:
    n = 1
    for length in s:
      n *= length
    count += n
  return 1e9 * (sum(seconds) / len(seconds) if mean else min(seconds)) / count


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--threads", type=int, default=os.cpu_count())
  parser.add_argument("--parameters", type=int, default=1 << 24)
  parser.add_argument("--shape", default="")
  parser.add_argument("--mean", type=int, default=0, help="steps to take the mean of")
  parser.add_argument("--packages", default="", help="packages, separated by commas; all of them by default")
  parser.add_argument("--only", default="", help="names in Descent")
  a = parser.parse_args()
  os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(a.threads > 1).lower()}"
  import torch
  torch.set_num_threads(a.threads)
  chosen = [n for n in a.only.split(";") if n]
  for name, package, find in PEERS:
    if chosen and name.split("/")[0] not in chosen or a.packages and package not in a.packages.split(","):
      continue
    try:
      nanoseconds = measure(find(), shapes(name, a.parameters, a.shape), a.mean)
    except Exception as error:  # a peer that does not work here is no reason to measure none
      print(f"{package} ({name}): {type(error).__name__}: {str(error)[:120]}", file=sys.stderr)
      continue
    print(json.dumps({"optimizer": name, "package": package, "nanoseconds": nanoseconds}), flush=True)


if __name__ == "__main__":
  main()
