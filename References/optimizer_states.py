"""State that PyTorch, bitsandbytes, prodigyopt and lion-pytorch save, and where they go on from it.

Each case is trained for FIRST steps, saved by `Scripts/optimizer_state.py` as
`Vectors/States/<case>.safetensors`, trained on to LAST steps and saved again as `<case>-end`.
`Vectors/states.safetensors` holds

  <case>/start/<name>         the weights that belong to the first state
  <case>/grad/<t>/<name>      t = FIRST + 1 ... LAST; absent: no gradient at that step
  <case>/param/<t>/<name>     the weights after the steps t = FIRST + 1 and LAST

and for lbfgs the losses are those of `least_squares`. Metadata `cases`, JSON: case -> optimizer (Descent's
name), set, dtype, parameters (their order), layout, recoded (whether codes
become others), rtol, reference.

    python optimizer_states.py              writes the vectors
    python optimizer_states.py check DIR    has the peers go on from the states that Descent wrote to DIR
                                            (DESCENT_STATES=DIR swift test --filter ForeignState)
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from trajectories import TORCH, Problem

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Scripts"))
from optimizer_state import load, save  # noqa: E402

VECTORS = ROOT / "Tests/DescentTrainingTests/Vectors"
FIRST, LAST = 5, 9
SHAPES = {"scalar": (), "vector": (7,), "tall": (5, 3), "conv": (2, 3, 2, 2), "late": (4,)}
WIDE = {"long": (2, 300), "short": (40,)}


def cases():
  import bitsandbytes as bnb
  from lion_pytorch import Lion
  from prodigyopt import Prodigy
  t = torch.optim

  def case(rule, make, set, dtype="F64", shapes=SHAPES, package="torch", ours={}, peer={}, **more):
    return dict(
      rule=rule, make=lambda p: make(p, **set, **peer), set=set | ours, dtype=dtype, shapes=shapes,
      package=package, **more)

  result = {
    "sgd": case("sgd", t.SGD, dict(lr=0.05, momentum=0.9)),
    "sgd-plain": case("sgd", t.SGD, dict(lr=0.05)),
    "sgd-nesterov": case("sgd", t.SGD, dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)),
    "adam": case("adam", t.Adam, dict(lr=0.01)),
    "adam-amsgrad": case("adam", t.Adam, dict(lr=0.03, amsgrad=True, betas=[0.9, 0.8])),
    "adamw": case("adamw", t.AdamW, dict(lr=0.01, weight_decay=0.1)),
    "adagrad": case("adagrad", t.Adagrad, dict(lr=0.1, initial_accumulator_value=0.1, lr_decay=0.05)),
    "rmsprop": case("rmsprop", t.RMSprop, dict(lr=0.01)),
    "rmsprop-centered": case("rmsprop", t.RMSprop, dict(lr=0.003, momentum=0.9, centered=True)),
    "adadelta": case("adadelta", t.Adadelta, dict(lr=0.5)),
    "adamax": case("adamax", t.Adamax, dict(lr=0.01)),
    "nadam": case("nadam", t.NAdam, dict(lr=0.01)),
    "radam": case("radam", t.RAdam, dict(lr=0.01, betas=[0.8, 0.9])),
    "rprop": case("rprop", t.Rprop, dict(lr=0.01)),
    "asgd": case("asgd", t.ASGD, dict(lr=0.1, t0=6, lambd=0.01)),
    "adafactor": case("adafactor-torch", t.Adafactor, dict(lr=0.05)),
    # torch iterates in bfloat16.
    "muon": case("muon", t.Muon, dict(lr=0.02), shapes={"tall": (5, 3), "wide": (3, 8)}, rtol=5e-3),
    "lion": case("lion", Lion, dict(lr=0.01, weight_decay=0.1), package="lion-pytorch"),
    "prodigy": case("prodigy", Prodigy, dict(d0=0.01), package="prodigyopt"),
    "prodigy-slice": case(
      "prodigy", Prodigy, dict(d0=0.01, slice_p=3, betas=[0.0, 0.99]), package="prodigyopt"),
    "adam-float32": case("adam", t.Adam, dict(lr=0.01), "F32"),
  }
  for name, rule, make, set, ours, peer in [
    ("adam8bit", "adam", bnb.optim.Adam8bit, dict(lr=0.01), {}, {}),
    ("adamw8bit", "adamw", bnb.optim.AdamW8bit, dict(lr=0.01, weight_decay=0.1), {}, {}),
    ("lion8bit", "lion", bnb.optim.Lion8bit, dict(lr=0.01, weight_decay=0.1), {}, {}),
    ("sgd8bit", "sgd", bnb.optim.SGD8bit, dict(lr=0.05, momentum=0.9), {}, {}),
    ("rmsprop8bit", "rmsprop", bnb.optim.RMSprop8bit, dict(lr=0.01, alpha=0.99), {}, {}),
    ("adagrad8bit", "adagrad", bnb.optim.Adagrad8bit, dict(lr=0.01), {}, {}),
    ("adamw32bit", "adamw", bnb.optim.AdamW32bit, dict(lr=0.01, weight_decay=0.1), {}, {}),
  ]:
    bits = {} if "32" in name else dict(state="int8", state_minimum=100, state_codes="table")
    minimum = {} if "32" in name else dict(min_8bit_size=100)
    # Squares in the signed map, which wastes half of it, are not kept as such: they go on in 32 bits.
    recoded = rule in ("rmsprop", "adagrad")
    result[name] = case(
      rule, make, set, "F32", WIDE, "bitsandbytes", ours | bits, peer | minimum,
      layout="bitsandbytes", rtol=1e-2 if recoded else 1e-5, recoded=recoded)
  return result


class Run:
  """A peer on the common problem, in the order of the names."""

  def __init__(self, case):
    torch.set_default_dtype(TORCH[case["dtype"]])
    self.problem = Problem(case["shapes"])
    self.parameters = {
      n: torch.nn.Parameter(torch.tensor(w, dtype=TORCH[case["dtype"]]))
      for n, w in self.problem.initial.items()}
    self.optimizer = case["make"](list(self.parameters.values()))

  def step(self, t, recorded=None):
    """Takes step t, with the gradients of the problem or recorded ones; returns the gradients."""
    gradients = {}
    for n, p in self.parameters.items():
      p.grad = None
      if recorded is not None:
        g = recorded.get(n)
      else:
        # `late` has no gradient and so no state before step 8.
        g = None if n == "late" and t < 8 else self.problem.gradient(n, t, p.detach().numpy())
      if g is not None:
        p.grad = torch.tensor(np.asarray(g), dtype=p.dtype)
        gradients[n] = p.grad.numpy().copy()
    self.optimizer.step()
    return gradients

  def weights(self):
    return {n: p.detach().numpy().copy() for n, p in self.parameters.items()}


class LBFGSRun(Run):
  """Least squares, which Descent's test evaluates as well: Σ a·(w − b)⁴ + (w − b)² over all elements."""

  def __init__(self, case):
    super().__init__(case)

  def step(self, t, recorded=None):
    def closure():
      loss = 0
      for n, p in self.parameters.items():
        p.grad = None
        d = p - 0.25
        loss = loss + (torch.tensor(self.problem.curvature[n]) * d**4 + d**2).sum()
      loss.backward()
      return loss
    self.optimizer.step(closure)
    return {}


def lbfgs_cases():
  for name, search in (("lbfgs", None), ("lbfgs-wolfe", "strong_wolfe")):
    set = dict(lr=0.5, max_iter=2, history_size=3, line_search_fn=search)
    yield name, dict(
      rule="lbfgs", make=lambda p, set=set: torch.optim.LBFGS(p, **set),
      set=set | {"line_search_fn": search or "none"}, dtype="F64",
      shapes={"vector": (7,), "tall": (5, 3)}, package="torch")


def run_of(name, case):
  return (LBFGSRun if name.startswith("lbfgs") else Run)(case)


def write():
  states = VECTORS / "States"
  states.mkdir(parents=True, exist_ok=True)
  tensors, described = {}, {}
  for name, case in (cases() | dict(lbfgs_cases())).items():
    run = run_of(name, case)
    for t in range(1, FIRST + 1):
      run.step(t)
    # Half of the cases name their parameters, half number them.
    named = list(run.parameters.items()) if len(described) % 2 == 0 else None
    save(run.optimizer, states / f"{name}.safetensors", named)
    tensors |= {f"{name}/start/{n}": w for n, w in run.weights().items()}
    if name.startswith("lbfgs"):
      tensors |= {f"{name}/curvature/{n}": run.problem.curvature[n] for n in run.parameters}
    for t in range(FIRST + 1, LAST + 1):
      tensors |= {f"{name}/grad/{t}/{n}": g for n, g in run.step(t).items()}
      if t in (FIRST + 1, LAST):
        tensors |= {f"{name}/param/{t}/{n}": w for n, w in run.weights().items()}
    save(run.optimizer, states / f"{name}-end.safetensors", run.parameters.items())
    described[name] = dict(
      optimizer=case["rule"], set=case["set"], dtype=case["dtype"], parameters=list(run.parameters),
      layout=case.get("layout", "pytorch"), recoded=case.get("recoded", False),
      rtol=case.get("rtol", 1e-10 if case["dtype"] == "F64" else 2e-6),
      reference=f"{case['package']} {version(case['package']).split('+')[0]}")
  save_file(
    {k: np.ascontiguousarray(v) if np.ndim(v) else v for k, v in tensors.items()},
    VECTORS / "states.safetensors", metadata={"cases": json.dumps(described)})


def check(folder):
  """The peers go on from what Descent wrote, and end where they would have ended themselves."""
  failed = 0
  with safe_open(VECTORS / "states.safetensors", framework="np") as file:
    expected = {k: file.get_tensor(k) for k in file.keys()}
    described = json.loads(file.metadata()["cases"])
  for name, case in (cases() | dict(lbfgs_cases())).items():
    run = run_of(name, case)
    for n, p in run.parameters.items():
      p.data = torch.tensor(expected[f"{name}/start/{n}"])
    load(run.optimizer, Path(folder) / f"{name}.safetensors", run.parameters.items())
    for t in range(FIRST + 1, LAST + 1):
      run.step(t, {n: expected.get(f"{name}/grad/{t}/{n}") for n in run.parameters})
    worst = max(
      float(np.max(np.abs(w - expected[f"{name}/param/{LAST}/{n}"]) / (1 + np.abs(w))))
      for n, w in run.weights().items())
    good = worst <= described[name]["rtol"]
    failed += not good
    print(f"{name:18} {'ok' if good else 'FAILED'}  largest difference {worst:.1e}")
  print(f"{len(described) - failed} passed, {failed} failed")
  return failed


if __name__ == "__main__":
  if len(sys.argv) == 3 and sys.argv[1] == "check":
    sys.exit(1 if check(sys.argv[2]) else 0)
  write()
