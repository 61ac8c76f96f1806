"""float32 at its edges: every reference on gradients that are sparse, denormal, tiny, huge or of mixed
scales. `python extremes.py` writes `extremes.safetensors`.

The elements of all tensors lie one after another, in the order of SHAPES:

  start                   [elements]          initial weights
  gradients/<kind>        [steps, elements]   float32
  <case>/<kind>           [steps, elements]   the reference's weights after each step, in float32

The metadata key `shapes` is JSON, name -> shape; `cases` is JSON, case -> optimizer; set; reference;
ulps, kind -> bound; omits, a
tensor that cannot be compared. A
weight may differ from the record by `ulps` roundings (2^-24) of |w| and of the way that it has gone: as
many as the reference in float32 differs from itself in float64, four times, and at least LEAST. What
decides where the two are far apart is said below, in tables.
"""

import json
import math
import sys
import warnings

import numpy as np
import torch

import formulas
from optimizers import OptaxRun, of
from shampoo_distributed import shampoo_distributed
from trajectories import NUMPY, VECTORS, FormulaRun, TorchRun
from safetensors.numpy import save_file

warnings.filterwarnings("ignore")
SHAPES = {"matrix": (5, 4), "conv": (3, 2, 2, 2), "vector": (6,), "scalar": ()}
COUNT = sum(math.prod(s) for s in SHAPES.values())
STEPS = 5
LEAST = 16


def parts(flat):
  result, start = {}, 0
  for name, shape in SHAPES.items():
    result[name] = flat[start:start + math.prod(shape)].reshape(shape)
    start += math.prod(shape)
  return result


def gradients():
  generator = np.random.default_rng(20)
  normal = lambda: generator.normal(0, 1, (STEPS, COUNT))
  kinds = {
    "ordinary": normal(), "zero": np.zeros((STEPS, COUNT)), "tiny": 1e-20 * normal(),
    "huge": 1e18 * normal(), "large": 1e9 * normal(),
    "denormal": 1.4e-45 * generator.integers(-5, 6, (STEPS, COUNT)),
    "near-denormal": 1e-38 * normal(),
    "mixed": normal() * 10 ** generator.uniform(-12, 6, (STEPS, COUNT)),
    "scales": normal() * 10 ** generator.uniform(-9, 9, COUNT),
  }
  cross = normal()
  for g in cross:
    p = parts(g)
    p["matrix"][1], p["matrix"][:, 2], p["vector"][:] = 0, 0, 0
    p["conv"][:, :, 1], p["conv"][..., 0] = 0, 0
  beside = np.full((STEPS, COUNT), 1e-14) * (1 + 0.1 * normal())
  for g in beside:
    for p in parts(g).values():
      p.reshape(-1)[:1] = 1
  spike = 1e-2 * normal()
  spike[1, ::7] *= 1e6
  sometimes = normal() * (generator.random((STEPS, COUNT)) < 0.2)
  kinds |= {"zero-cross": cross, "beside": beside, "spike": spike, "sometimes": sometimes}
  return {k: g.astype(np.float32) for k, g in kinds.items()}


class Start:
  def __init__(self):
    generator = np.random.default_rng(21)
    flat = generator.uniform(0.3, 1.5, COUNT) * np.where(generator.random(COUNT) < 0.5, -1, 1)
    self.flat = flat.astype(np.float32)
    self.shapes = SHAPES
    self.initial = {n: w.astype(np.float64) for n, w in parts(self.flat).items()}


def follow(make, gradients, dtype, estimates=False):
  run = make(Start(), dtype)
  path = []
  for t in range(1, STEPS + 1):
    given = {n: g.astype(NUMPY[dtype]) for n, g in parts(gradients[t - 1]).items()}
    run.step(t, {n: g.copy() for n, g in given.items()}, None)
    if estimates:
      for name, g in parts(gradients[t % STEPS]).items():
        run.fold(name, g.astype(NUMPY[dtype]))
    path.append(np.concatenate([np.array(run.weight(n)).reshape(-1) for n in SHAPES]))
  return np.array(path)


def torch_case(optimizer, **settings):
  return lambda p, d: TorchRun(lambda w: optimizer(w, **settings), p, d), settings


def formula(rule, settings, **more):
  return lambda p, d: FormulaRun(rule, settings, p, d, **more), settings


def cases():
  """case -> optimizer, (make, settings), reference, settings of ours."""
  import optax
  from dadaptation import DAdaptAdam
  from lion_pytorch import Lion
  from lion_pytorch.cautious_lion import Lion as CautiousLion
  from prodigyopt import Prodigy
  from pytorch_optimizer import LARS, Lamb, Shampoo
  from schedulefree import AdamWScheduleFree, SGDScheduleFree
  from transformers.optimization import Adafactor
  o, hf = torch.optim, dict(relative_step=False, scale_parameter=False)
  rows = [
    ("sgd", torch_case(o.SGD, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.01), "torch"),
    ("adagrad", torch_case(o.Adagrad, lr=0.01), "torch"),
    ("rmsprop", torch_case(o.RMSprop, lr=0.01), "torch"),
    ("rmsprop-momentum", torch_case(o.RMSprop, lr=0.01, momentum=0.9, weight_decay=0.1), "torch"),
    ("adam", torch_case(o.Adam, lr=0.01), "torch"),
    ("adam-amsgrad", torch_case(o.Adam, lr=0.01, amsgrad=True, weight_decay=0.1), "torch"),
    ("adamw", torch_case(o.AdamW, lr=0.01), "torch"),
    ("adamw-small-decay", torch_case(o.AdamW, lr=1e-6, weight_decay=1e-3), "torch"),
    ("nadam", torch_case(o.NAdam, lr=0.01), "torch"),
    ("radam", torch_case(o.RAdam, lr=0.01, betas=[0.9, 0.9]), "torch"),
    ("adamax", torch_case(o.Adamax, lr=0.01), "torch"),
    ("adadelta", torch_case(o.Adadelta), "torch"),
    ("rprop", torch_case(o.Rprop, lr=0.01), "torch"),
    ("asgd", torch_case(o.ASGD, lr=0.01), "torch"),
    ("adafactor-torch", torch_case(o.Adafactor, eps=[2.0**-23, 1e-3]), "torch"),
    ("adafactor-torch-decay", torch_case(
      o.Adafactor, lr=0.1, weight_decay=0.1, eps=[2.0**-23, 1e-3]), "torch"),
    ("adafactor", torch_case(Adafactor), "transformers"),
    ("adafactor-fixed", torch_case(Adafactor, lr=0.01, **hf), "transformers"),
    ("adafactor-momentum", torch_case(Adafactor, lr=0.01, beta1=0.9, weight_decay=1e-6, **hf),
     "transformers"),
    ("lion", torch_case(Lion, lr=0.01, weight_decay=0.1), "lion-pytorch"),
    ("lion-cautious", torch_case(CautiousLion, lr=0.01, cautious_factor=0.0), "lion-pytorch"),
    ("prodigy", torch_case(Prodigy, d0=0.01), "prodigyopt"),
    ("prodigy-decay", torch_case(Prodigy, d0=1e-8, weight_decay=0.1, growth_rate=1.1), "prodigyopt"),
    ("dadapt-adam", torch_case(DAdaptAdam, d0=0.01), "dadaptation"),
    ("dadapt-adam-decay", torch_case(
      DAdaptAdam, d0=1e-8, weight_decay=0.1, decouple=True, growth_rate=1.1), "dadaptation"),
    ("schedule-free-adamw", torch_case(AdamWScheduleFree, lr=0.01, weight_decay=0.1), "schedulefree"),
    ("schedule-free-sgd", torch_case(SGDScheduleFree, lr=0.1), "schedulefree"),
    ("lars-pytorch_optimizer", torch_case(LARS, lr=1.0, weight_decay=0.1), "pytorch_optimizer",
     {"variant": "pytorch_optimizer"}),
    ("lamb-pytorch_optimizer", torch_case(Lamb, lr=0.002, weight_decay=0.1, max_grad_norm=0.0),
     "pytorch_optimizer", {"variant": "pytorch_optimizer", "max_grad_norm": None}),
    ("shampoo", torch_case(Shampoo, lr=0.1, matrix_eps=0.01), "pytorch_optimizer"),
    ("sophia-g", formula(formulas.sophia_g, dict(lr=0.01, bs=10), fold=formulas.sophia_g_fold),
     "formula"),
    ("sophia-h", formula(
      formulas.sophia_h, dict(lr=0.01, weight_decay=1e-6), fold=formulas.sophia_h_fold), "formula"),
    ("lars", formula(formulas.lars_paper, dict(lr=1.0, weight_decay=0.1)), "formula"),
    ("lamb-apex", formula(formulas.lamb_apex, dict(lr=0.01, weight_decay=0.1), counts_run=True),
     "formula", {"variant": "apex"}),
    ("soap", formula(formulas.soap, dict(lr=0.01)), "formula"),
    ("shampoo-distributed", formula(
      shampoo_distributed, dict(lr=0.01, grafting="adam", max_preconditioner_dim=4), counts_run=True),
     "formula"),
  ]
  lamb, lars = dict(lr=0.01, weight_decay=0.1), dict(lr=1.0, weight_decay=0.1)
  rows += [
    ("lamb-optax", (lambda p, d: OptaxRun(
      lambda lr: optax.lamb(lr, 0.9, 0.999, 1e-6, weight_decay=0.1), p, d, 0.01), lamb), "optax"),
    ("lars-optax", (lambda p, d: OptaxRun(
      lambda lr: optax.lars(lr, 0.1, momentum=0.9), p, d, 1.0), lars), "optax", {"variant": "optax"}),
  ]
  return rows


# Where what is right differs between the element types: a product or a sign that float32 loses is
# part of these rules, so that float64 is no measure of them.
FLOAT32_DECIDES = {("rprop", "denormal"), ("rprop", "near-denormal"), ("lion", "denormal"),
                   ("lion-cautious", "denormal")}
# Where the reference in float32 has no right answer, and float64 takes its place: the product of the
# averages of rows and columns is infinite, so that the weights rest.
FLOAT64_DECIDES = {("adafactor-torch", "huge"), ("adafactor-torch-decay", "huge")}
# Decompositions of matrices whose eigenvalues differ by more than float32 can hold.
DECOMPOSING = ("shampoo", "soap", "shampoo-distributed")


def main():
  names = sorted((p.stem for p in VECTORS.glob("*.safetensors")), key=len, reverse=True)
  kinds, start = gradients(), Start().flat
  tensors = {"start": start} | {f"gradients/{kind}": g for kind, g in kinds.items()}
  described = {}
  for case, (make, settings), reference, *ours in cases():
    ours = ours[0] if ours else {}
    ulps = {}
    for kind, g in kinds.items():
      estimates = case.startswith("sophia")
      short, exact = (follow(make, g, d, estimates).astype(np.float64) for d in ("F32", "F64"))
      way = np.cumsum(np.abs(np.diff(exact, axis=0, prepend=start[None])), axis=0)
      error = np.abs(short - exact) / (2.0**-24 * (np.abs(exact) + way))
      error = float(np.nan_to_num(error, nan=np.inf).max())
      bound = max(LEAST, math.ceil(4 * error)) if error < 1e9 else math.inf
      if (case, kind) in FLOAT32_DECIDES:
        bound = LEAST
      elif (case, kind) in FLOAT64_DECIDES:
        bound, short = LEAST, exact
      elif case in DECOMPOSING and error > 250:
        continue
      elif error > 250:
        sys.exit(f"{case}/{kind}: float32 is {error:.3g} roundings from float64: say which decides")
      ulps[kind] = bound
      tensors[f"{case}/{kind}"] = short.astype(np.float32)
    print(case, {k: u for k, u in ulps.items() if u > LEAST})
    # A scalar there is left without a preconditioner.
    omits = dict(omits="scalar") if case == "shampoo" else {}
    described[case] = omits | dict(
      optimizer=next(n for n in names if case.startswith(n)), ulps=ulps, reference=reference,
      set={k: v for k, v in (settings | ours).items() if k not in ours or v is not None})
  path = VECTORS / "extremes.safetensors"
  save_file(tensors, path, {"cases": json.dumps(described), "shapes": json.dumps(SHAPES)})
  path.chmod(0o644)
  print(f"{path.name}: {len(described)} cases, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
  main()
