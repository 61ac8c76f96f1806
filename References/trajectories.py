"""The common problem, and recording an optimizer's path over it.

Parameters of every rank, a frozen one (never a gradient) and a sparse one (first gradient at step 4,
none at steps t mod 3 == 2). The gradient of element i of a parameter at step t depends on the weight:

  g_i = a_i * w_i + 0.1 * sin(t * (i + 1) + phase)

and is computed in float64 from the stored weights, then rounded to the case's element type.

A file holds, for each case,

  <case>/param/<name>         initial weights
  <case>/grad/<t>/<name>      t = 1...steps; absent: no gradient at that step
  <case>/param/<t>/<name>     weights after the steps of STORED
  <case>/state/<slot>/<name>  the reference's state after the last step
  <case>/group/<t>/<slot>     scalars shared by all parameters (Prodigy's d)
  <case>/hessian/<t>/<name>   curvature estimates (Sophia), folded in after the update of step t
  <case>/eval/<name>          Schedule-Free: x at the end (param is y)

The metadata key `cases` is JSON: case -> optimizer; set (what differs from the defaults, as `--set` takes
it: the reference's names, and ours for the choice between several written forms); dtype; steps;
reference; rtol, meant as |x - y| <= rtol * (1 + |y|); `lrs` where the learning rate is changed before
each step; `signs`, slot -> -1 where the reference keeps the opposite of ours; `omits`, keys of the case
whose tensors cannot be compared.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

VECTORS = Path(__file__).resolve().parent.parent / "Tests/DescentTests/Vectors"
STEPS = {"F64": 30, "F32": 12}
STORED = (1, 2, 3, 5, 12, 20, 30)
SHAPES = {
  "scalar": (), "vector": (7,), "tall": (5, 3), "wide": (3, 8), "conv": (2, 3, 2, 2),
  "frozen": (4,), "sparse": (6,),
}
TORCH = {"F64": torch.float64, "F32": torch.float32}
NUMPY = {"F64": np.float64, "F32": np.float32}


class Problem:
  """Initial weights, curvatures and phases of the tensors in `shapes`."""

  def __init__(self, shapes=SHAPES, seed=11):
    generator = np.random.default_rng(seed)
    self.shapes = shapes
    self.initial, self.curvature, self.phase = {}, {}, {}
    for name, shape in shapes.items():
      magnitude = generator.uniform(0.3, 1.5, shape)
      value = magnitude * np.where(generator.random(shape) < 0.5, -1, 1)
      # Exact in float32, so that both element types start from the same weights.
      self.initial[name] = np.asarray(value, np.float32).astype(np.float64) * (name != "zero")
      self.curvature[name] = generator.uniform(0.1, 1.0, shape)
      self.phase[name] = generator.uniform(0, math.tau)

  def present(self, name, t):
    if name == "frozen":
      return False
    return name != "sparse" or (t >= 4 and t % 3 != 2)

  def gradient(self, name, t, weight):
    index = np.arange(1, weight.size + 1).reshape(weight.shape)
    wave = 0.1 * np.sin(t * index + self.phase[name])
    return self.curvature[name] * weight.astype(np.float64) + wave

  def curvature_estimate(self, name, t):
    """What stands for a Hessian estimate (Sophia): either sign, different for every element."""
    shape = self.shapes[name]
    index = np.arange(1, math.prod(shape) + 1).reshape(shape)
    return 0.5 * np.cos(t * index + self.phase[name])


class TorchRun:
  """A torch.optim-style optimizer made by `make(parameters)`."""

  def __init__(self, make, problem, dtype):
    # Scalars of the reference's state follow the default element type.
    torch.set_default_dtype(TORCH[dtype])
    self.parameters = {
      n: torch.nn.Parameter(torch.tensor(w, dtype=TORCH[dtype])) for n, w in problem.initial.items()
    }
    self.optimizer = make(list(self.parameters.values()))
    if hasattr(self.optimizer, "train"):
      self.optimizer.train()

  def weight(self, name):
    return self.parameters[name].detach().numpy()

  def step(self, t, gradients, lr):
    for name, p in self.parameters.items():
      p.grad = torch.tensor(gradients[name], dtype=p.dtype) if name in gradients else None
    if lr is not None:
      for group in self.optimizer.param_groups:
        group["lr"] = lr
    self.optimizer.step()

  def state(self):
    result = {}
    for name, p in self.parameters.items():
      for slot, value in self.optimizer.state.get(p, {}).items():
        many = isinstance(value, (list, tuple))
        for i, v in enumerate(value if many else [value]):
          if isinstance(v, (torch.Tensor, int, float)):
            key = f"{slot}.{i}" if many else slot
            result[f"{key}/{name}"] = np.array(torch.as_tensor(v).detach())
    return result

  def group(self):
    group = self.optimizer.param_groups[0]
    return {k: float(group[k]) for k in GROUP_SLOTS if group.get(k) is not None}

  def averaged(self):
    if not hasattr(self.optimizer, "eval"):
      return {}
    self.optimizer.eval()
    return {n: np.array(self.weight(n)) for n in self.parameters}


GROUP_SLOTS = ("d", "d_max", "d_numerator", "numerator_weighted", "k", "weight_sum", "lr_max")


class FormulaRun:
  """An independent NumPy evaluation. `rule(w, g, state, t, **settings)` returns the new weight; t
  counts the steps of this parameter, or those of the run where the reference counts for a group."""

  def __init__(self, rule, settings, problem, dtype, fold=None, counts_run=False):
    self.counts_run = counts_run
    self.dtype = NUMPY[dtype]
    self.weights = {n: w.astype(self.dtype) for n, w in problem.initial.items()}
    self.settings = dict(settings)
    self.rule, self.states, self.counts = rule, {}, {}
    self.curvature = fold

  def weight(self, name):
    return self.weights[name]

  def step(self, t, gradients, lr):
    if lr is not None:
      self.settings["lr"] = lr
    for name, g in gradients.items():
      self.counts[name] = self.counts.get(name, 0) + 1
      state = self.states.setdefault(name, {})
      new = self.rule(
        self.weights[name], g.astype(self.dtype), state, t if self.counts_run else self.counts[name],
        **self.settings)
      self.weights[name] = np.asarray(new, dtype=self.dtype)

  def state(self):
    return {
      f"{slot}/{name}": np.array(value) for name, slots in self.states.items()
      for slot, value in slots.items() if isinstance(value, (np.ndarray, np.generic, int, float))
    }

  def fold(self, name, estimate):
    self.curvature(self.states[name], estimate.astype(self.dtype), **self.settings)

  def group(self):
    return {}

  def averaged(self):
    return {}


def follow(
  run, problem, dtype, lrs=None, gradients=None, estimate_at=lambda t: False, steps=None):
  """Runs all steps; returns the recorded tensors, in the case's keys without its prefix. With
  `gradients` those of an earlier record are used instead of the problem's."""
  steps = steps or STEPS[dtype]
  out = {f"param/{n}": np.array(run.weight(n)) for n in problem.shapes}
  for t in range(1, steps + 1):
    given = {}
    for name in problem.shapes:
      if problem.present(name, t):
        if gradients is None:
          value = problem.gradient(name, t, run.weight(name)).astype(NUMPY[dtype])
        else:
          value = gradients[f"grad/{t}/{name}"]
        given[name] = out[f"grad/{t}/{name}"] = np.array(value)
    run.step(t, {n: g.copy() for n, g in given.items()}, lrs[t - 1] if lrs else None)
    if estimate_at(t):
      for name in given:
        estimate = problem.curvature_estimate(name, t).astype(NUMPY[dtype])
        out[f"hessian/{t}/{name}"] = np.array(estimate)
        run.fold(name, estimate)
    if t in STORED or t == steps:
      out |= {f"param/{t}/{n}": np.array(run.weight(n)) for n in problem.shapes}
      out |= {f"group/{t}/{k}": np.array(v) for k, v in run.group().items()}
  out |= {f"state/{k}": v for k, v in run.state().items()}
  out |= {f"eval/{k}": v for k, v in run.averaged().items()}
  return out


def distance(a, b):
  """The greatest |x - y| / (1 + |y|) over the weights of two records."""
  worst = 0.0
  for key, y in b.items():
    if key.startswith("param/") and key.count("/") == 2:
      y = y.astype(np.float64)
      difference = np.abs(a[key].astype(np.float64) - y) / (1 + np.abs(y))
      worst = max(worst, float(difference.max(initial=0)))
  return worst


class File:
  """The cases of one optimizer."""

  def __init__(self, name, optimizer=None):
    self.name, self.optimizer = name, optimizer or name
    self.tensors, self.cases = {}, {}

  def add(self, case, record, **description):
    for key, value in record.items():
      self.tensors[f"{case}/{key}"] = np.ascontiguousarray(value) if np.ndim(value) else np.array(value)
    self.cases[case] = description

  def run(
    self, case, make, settings, reference, problem=None, lrs=None, rtol=None, dtypes=("F64", "F32"),
    estimate_at=lambda t: False, ours=None, **more,
  ):
    """Records `make(problem, dtype)` in both element types. float32 may differ from the record by
    four times what the reference itself differs from float64 on the same gradients; `rtol` sets the
    bound of an element type. `ours` are settings that only we have; None drops one that we have not."""
    problem, ours, rtol = problem or Problem(), ours or {}, rtol or {}
    described = {k: v for k, v in (settings | ours).items() if k not in ours or v is not None}
    for dtype in dtypes:
      record = follow(make(problem, dtype), problem, dtype, lrs, None, estimate_at)
      tolerance = 1e-10
      if dtype == "F32":
        exact = follow(
          make(problem, "F64"), problem, "F64", lrs, record, estimate_at, STEPS["F32"])
        tolerance = max(2e-6, 4 * distance(record, exact))
      tolerance = float(f"{rtol.get(dtype, tolerance):.1e}")
      description = dict(
        optimizer=self.optimizer, set=described, dtype=dtype, steps=STEPS[dtype], reference=reference,
        rtol=tolerance, **more)
      if lrs:
        description["lrs"] = lrs[:STEPS[dtype]]
      self.add(f"{case}-{dtype.lower()}", record, **description)
      if tolerance > 2e-5 and dtype not in rtol:
        print(f"  {self.name}/{case}: float32 is only good to {tolerance:.1e}")

  def save(self):
    VECTORS.mkdir(parents=True, exist_ok=True)
    path = VECTORS / f"{self.name}.safetensors"
    save_file(self.tensors, path, {"cases": json.dumps(self.cases)})
    path.chmod(0o644)
    print(f"{path.name}: {len(self.cases)} cases, {path.stat().st_size / 1e6:.2f} MB")
