"""Learning rates of the torch and Hugging Face schedules, float64.

Tensor `<case>/lr` holds the rate after t = 0...T calls of scheduler.step() (t is the number of completed
steps: element t is what step t + 1 uses); `<case>/momentum` likewise where the schedule cycles it. For
ReduceLROnPlateau `<case>/metric` [T] is what call t = 1...T was given. The metadata key `cases` is JSON:
case -> name, library, base (lr), total (T), set (parameters in the reference's names), reference, rtol;
`stays`, the t from which our curve stays what it is while the reference's moves again.
"""

import json
import math
import warnings
from importlib.metadata import version

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.optim import lr_scheduler as S
from transformers import get_scheduler

from trajectories import VECTORS

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
TOTAL = 1000
tensors, cases = {}, {}


def optimizer(base, kind=torch.optim.SGD):
  options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
  return kind([torch.nn.Parameter(torch.zeros(1))], lr=base, **options)


def record(case, make, name, settings, library="torch", base=0.1, total=TOTAL, metric=None,
           momentum=False, kind=torch.optim.SGD, stays=None):
  o = optimizer(base, kind)
  scheduler = make(o)
  read = lambda: o.param_groups[0]["lr"]
  read_momentum = lambda: o.param_groups[0].get("momentum", o.param_groups[0].get("betas", [0])[0])
  rates, momenta = [read()], [read_momentum()]
  for t in range(total):
    o.step()
    scheduler.step() if metric is None else scheduler.step(metric[t])
    rates.append(read())
    momenta.append(read_momentum())
  tensors[f"{case}/lr"] = np.array(rates, np.float64)
  if momentum:
    tensors[f"{case}/momentum"] = np.array(momenta, np.float64)
  if metric is not None:
    tensors[f"{case}/metric"] = np.array(metric, np.float64)
  package = {"torch": "torch", "huggingface": "transformers"}[library]
  # The recursive schedules of torch collect rounding over the steps.
  cases[case] = dict(
    name=name, library=library, base=base, total=total, set=settings, rtol=1e-11,
    reference=f"{package} {version(package).split('+')[0]}")
  if stays is not None:
    cases[case]["stays"] = stays


def torch_case(case, scheduler, settings, **options):
  record(
    f"torch/{case}", lambda o: scheduler(o, **settings), scheduler.__name__,
    {k: v for k, v in settings.items() if not callable(v)}, **options)


def hugging_face(case, name, warmup=None, total=TOTAL, settings=None, calls=None, **options):
  settings = settings or {}
  if calls is not None:
    options["total"] = calls
  if "metric" in options:
    options["total"] = len(options["metric"])
  record(
    f"huggingface/{case}",
    lambda o: get_scheduler(name, o, warmup, total, scheduler_specific_kwargs=settings or None),
    name, {"num_warmup_steps": warmup, "num_training_steps": total} | settings, "huggingface",
    **options)


def simple():
  torch_case("step", S.StepLR, dict(step_size=100))
  torch_case("step-gamma", S.StepLR, dict(step_size=7, gamma=0.97))
  torch_case("multistep", S.MultiStepLR, dict(milestones=[100, 400, 900], gamma=0.3))
  torch_case("multistep-twice", S.MultiStepLR, dict(milestones=[5, 5, 50], gamma=0.5), total=60)
  torch_case("constant", S.ConstantLR, dict())
  torch_case("constant-long", S.ConstantLR, dict(factor=0.25, total_iters=500))
  torch_case("linear", S.LinearLR, dict())
  torch_case("linear-up", S.LinearLR, dict(start_factor=0.01, end_factor=1.0, total_iters=250))
  torch_case("linear-down", S.LinearLR, dict(start_factor=1.0, end_factor=0.1, total_iters=999))
  torch_case("exponential", S.ExponentialLR, dict(gamma=0.995))
  torch_case("polynomial", S.PolynomialLR, dict())
  torch_case("polynomial-power", S.PolynomialLR, dict(total_iters=800, power=2.5))
  torch_case("cosine", S.CosineAnnealingLR, dict(T_max=1000))
  torch_case("cosine-floor", S.CosineAnnealingLR, dict(T_max=400, eta_min=0.01))
  torch_case("restarts", S.CosineAnnealingWarmRestarts, dict(T_0=100))
  torch_case("restarts-double", S.CosineAnnealingWarmRestarts, dict(T_0=50, T_mult=2, eta_min=0.001))
  torch_case("lambda", S.LambdaLR, dict(lr_lambda=lambda t: 1 / (1 + t)), total=50)
  torch_case("multiplicative", S.MultiplicativeLR, dict(lr_lambda=lambda t: 0.99), total=50)


def cycles():
  for mode in ("triangular", "triangular2", "exp_range"):
    torch_case(
      f"cyclic-{mode}", S.CyclicLR,
      dict(base_lr=0.01, max_lr=0.1, step_size_up=60, step_size_down=140, mode=mode,
           gamma=0.999 if mode == "exp_range" else 1.0), momentum=True)
  torch_case(
    "cyclic-even", S.CyclicLR,
    dict(base_lr=0.001, max_lr=0.05, step_size_up=125, base_momentum=0.7, max_momentum=0.95),
    momentum=True)
  torch_case("onecycle", S.OneCycleLR, dict(max_lr=0.1, total_steps=1000), total=999, momentum=True)
  # One call too many is accepted, and rebounds.
  torch_case(
    "onecycle-rebound", S.OneCycleLR, dict(max_lr=0.1, total_steps=1000), momentum=True, stays=999)
  torch_case(
    "onecycle-linear", S.OneCycleLR,
    dict(max_lr=0.2, total_steps=1000, pct_start=0.25, anneal_strategy="linear", div_factor=10,
         final_div_factor=100, base_momentum=0.8, max_momentum=0.9), total=999, momentum=True)
  torch_case(
    "onecycle-three-phase", S.OneCycleLR,
    dict(max_lr=0.1, total_steps=1000, three_phase=True, pct_start=0.4), total=999, momentum=True)
  torch_case(
    "onecycle-three-phase-linear", S.OneCycleLR,
    dict(max_lr=0.1, total_steps=100, three_phase=True, anneal_strategy="linear"), total=99,
    momentum=True)
  torch_case("onecycle-short", S.OneCycleLR, dict(max_lr=0.1, total_steps=10), total=9, momentum=True)
  torch_case(
    "onecycle-no-rise", S.OneCycleLR, dict(max_lr=0.1, total_steps=10, pct_start=0.05), total=9,
    momentum=True)
  torch_case(
    "onecycle-betas", S.OneCycleLR, dict(max_lr=0.01, total_steps=100), total=99, momentum=True,
    kind=torch.optim.AdamW)


def plateaus():
  generator = np.random.default_rng(3)
  noisy = 2 * np.exp(-np.arange(TOTAL) / 150) + 0.3 + 0.05 * generator.standard_normal(TOTAL)
  rising = 1 - noisy / 3
  constant = np.ones(60)
  broken = noisy[:60].copy()
  broken[[10, 11, 30]] = math.nan
  for case, metric, settings in [
    ("plateau", noisy, dict()),
    ("plateau-max", rising, dict(mode="max", patience=5, factor=0.5)),
    ("plateau-abs", noisy, dict(threshold_mode="abs", threshold=0.01, patience=3, factor=0.7)),
    ("plateau-max-abs", rising, dict(mode="max", threshold_mode="abs", threshold=0.005, patience=8)),
    ("plateau-cooldown", noisy, dict(patience=4, cooldown=10, factor=0.5, min_lr=1e-4)),
    ("plateau-constant", constant, dict(patience=2)),
    ("plateau-constant-cooldown", constant, dict(patience=1, cooldown=2)),
    ("plateau-floor", constant, dict(patience=0, factor=0.1, min_lr=1e-3)),
    ("plateau-eps", constant, dict(patience=0, factor=0.5, eps=0.01)),
    ("plateau-nan", broken, dict(patience=1, factor=0.9)),
    ("plateau-negative", -constant, dict(patience=2)),
    ("plateau-negative-abs", -constant, dict(patience=2, threshold_mode="abs")),
  ]:
    torch_case(case, S.ReduceLROnPlateau, settings, total=len(metric), metric=metric.tolist())


def chains():
  parts = lambda o, rows: [getattr(S, n)(o, **s) for n, s in rows]

  def sequential(case, rows, milestones, total=TOTAL):
    record(
      f"torch/{case}", lambda o: S.SequentialLR(o, parts(o, rows), milestones), "SequentialLR",
      {"schedulers": [{"name": n, "set": s} for n, s in rows], "milestones": milestones}, total=total)

  sequential("sequential", [
    ("LinearLR", dict(start_factor=0.1, total_iters=4)), ("CosineAnnealingLR", dict(T_max=6))], [4], 11)
  sequential("sequential-long", [
    ("LinearLR", dict(start_factor=0.01, total_iters=100)),
    ("CosineAnnealingLR", dict(T_max=900, eta_min=0.001))], [100])
  sequential("sequential-three", [
    ("LinearLR", dict(start_factor=0.5, total_iters=50)), ("ConstantLR", dict(factor=1.0)),
    ("ExponentialLR", dict(gamma=0.99))], [50, 600])
  rows = [("ConstantLR", dict(factor=0.1, total_iters=3)), ("ExponentialLR", dict(gamma=0.9))]
  record(
    "torch/chained", lambda o: S.ChainedScheduler(parts(o, rows)), "ChainedScheduler",
    {"schedulers": [{"name": n, "set": s} for n, s in rows]}, total=50)
  record(
    "torch/swa", lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.02), "SWALR", {"swa_lr": 0.02},
    total=30)


def hugging_face_cases():
  hugging_face("constant", "constant")
  hugging_face("constant_with_warmup", "constant_with_warmup", 100)
  hugging_face("constant_with_warmup-0", "constant_with_warmup", 0)
  for warmup in (0, 1, 100):
    hugging_face(f"linear-{warmup}", "linear", warmup)
    hugging_face(f"cosine-{warmup}", "cosine", warmup)
  # Beyond the end, and a warm-up that is the whole run.
  hugging_face("linear-beyond", "linear", 50, 500)
  hugging_face("linear-all-warmup", "linear", 1000)
  hugging_face("cosine-beyond", "cosine", 50, 500, stays=500)
  hugging_face("cosine-cycles", "cosine", 100, settings=dict(num_cycles=2.0))
  hugging_face("cosine_with_restarts", "cosine_with_restarts", 100)
  hugging_face("cosine_with_restarts-4", "cosine_with_restarts", 100, settings=dict(num_cycles=4))
  hugging_face("cosine_with_restarts-beyond", "cosine_with_restarts", 20, 600, dict(num_cycles=3))
  hugging_face("polynomial", "polynomial", 100)
  hugging_face("polynomial-power", "polynomial", 100, settings=dict(lr_end=0.001, power=2.0))
  hugging_face("polynomial-beyond", "polynomial", 10, 500, dict(lr_end=0.01, power=0.5))
  hugging_face("inverse_sqrt", "inverse_sqrt", 100)
  hugging_face("inverse_sqrt-0", "inverse_sqrt", 0)
  hugging_face("inverse_sqrt-timescale", "inverse_sqrt", 100, settings=dict(timescale=25))
  hugging_face("cosine_with_min_lr", "cosine_with_min_lr", 100, settings=dict(min_lr=0.01))
  hugging_face("cosine_with_min_lr-rate", "cosine_with_min_lr", 0, settings=dict(min_lr_rate=0.05))
  hugging_face(
    "cosine_with_min_lr-beyond", "cosine_with_min_lr", 50, 600, dict(min_lr_rate=0.1), stays=600)
  for case, warmup, settings in [
    ("", 100, dict(min_lr=0.01)),
    ("-rate", 100, dict(min_lr_rate=0.1)),
    ("-warmup", 100, dict(min_lr_rate=0.1, warmup_lr_rate=0.2)),
    ("-0", 0, dict(min_lr_rate=0.1)),
  ]:
    name = "cosine_warmup_with_min_lr"
    hugging_face(name + case, name, warmup, settings=settings, stays=TOTAL - 1)
  for case, warmup, total, settings in [
    ("", 100, TOTAL, dict(num_decay_steps=200)),
    ("-floor", 100, TOTAL, dict(num_decay_steps=300, min_lr_ratio=0.1)),
    ("-linear", 50, TOTAL, dict(num_decay_steps=500, decay_type="linear", min_lr_ratio=0.05)),
    ("-1-sqrt", 50, TOTAL, dict(num_decay_steps=500, decay_type="1-sqrt")),
    ("-warmup-cosine", 200, TOTAL, dict(num_decay_steps=100, warmup_type="cosine")),
    ("-warmup-1-sqrt", 200, TOTAL,
      dict(num_decay_steps=100, warmup_type="1-sqrt", min_lr_ratio=0.2)),
    ("-stable", 100, None, dict(num_stable_steps=300, num_decay_steps=200)),
    ("-cycles", 100, TOTAL, dict(num_decay_steps=400, num_cycles=1.5)),
  ]:
    name = "warmup_stable_decay"
    record(
      f"huggingface/{name}{case}",
      lambda o: get_scheduler(name, o, warmup, total, scheduler_specific_kwargs=settings),
      name, {"num_warmup_steps": warmup, "num_training_steps": total} | settings, "huggingface")

  generator = np.random.default_rng(5)
  metric = 2 * np.exp(-np.arange(300) / 60) + 0.3 + 0.02 * generator.standard_normal(300)
  hugging_face(
    "reduce_lr_on_plateau", "reduce_lr_on_plateau", None, None, dict(patience=5, factor=0.5),
    metric=metric.tolist())
  for case, settings in [("", {}), ("-patience", dict(patience=2, factor=0.8, max_lr=0.3, min_lr=0.01))]:
    hugging_face(f"greedy{case}", "greedy", None, None, settings, metric=metric.tolist())


def edges():
  """No warmup, one that is the whole run, runs of one step, floors of zero, ends that are passed."""
  torch_case("linear-to-zero", S.LinearLR, dict(start_factor=1.0, end_factor=0.0), total=12)
  torch_case("linear-third-to-zero", S.LinearLR, dict(end_factor=0.0), total=12)
  for n in (1, 3, 7):
    torch_case(
      f"linear-to-zero-{n}", S.LinearLR, dict(start_factor=0.7, end_factor=0.0, total_iters=n),
      total=12)
  torch_case("constant-1", S.ConstantLR, dict(factor=0.5, total_iters=1), total=5)
  torch_case("polynomial-1", S.PolynomialLR, dict(total_iters=1, power=2.0), total=5)
  torch_case("cosine-1", S.CosineAnnealingLR, dict(T_max=1), total=5)
  torch_case("cosine-past", S.CosineAnnealingLR, dict(T_max=5), total=12)
  torch_case("restarts-1", S.CosineAnnealingWarmRestarts, dict(T_0=1), total=5)
  torch_case("restarts-past", S.CosineAnnealingWarmRestarts, dict(T_0=3, eta_min=0.01), total=12)
  torch_case("multistep-0", S.MultiStepLR, dict(milestones=[1]), total=5)
  torch_case("step-1", S.StepLR, dict(step_size=1), total=5)
  torch_case("cyclic-1", S.CyclicLR, dict(base_lr=0.0, max_lr=0.1, step_size_up=1), total=5, momentum=True)
  for n in (1, 2, 3):
    torch_case(
      f"onecycle-{n}", S.OneCycleLR, dict(max_lr=0.1, total_steps=n), total=n - 1, momentum=True)
  for share in (0.0, 1.0):
    torch_case(
      f"onecycle-share-{share:g}", S.OneCycleLR, dict(max_lr=0.1, total_steps=8, pct_start=share),
      total=7, momentum=True)
  torch_case(
    "onecycle-three-phase-half", S.OneCycleLR,
    dict(max_lr=0.1, total_steps=8, pct_start=0.5, three_phase=True), total=7, momentum=True)

  rows = [("LinearLR", dict(start_factor=0.1, total_iters=4)), ("CosineAnnealingLR", dict(T_max=6))]
  record(
    "torch/sequential-past",
    lambda o: S.SequentialLR(o, [getattr(S, n)(o, **s) for n, s in rows], [4]), "SequentialLR",
    {"schedulers": [{"name": n, "set": s} for n, s in rows], "milestones": [4]}, total=30)

  # The reference's curve for t < T; at T some of its formulas begin anew.
  for name, settings in [
    ("linear", {}), ("cosine", {}), ("cosine_with_restarts", dict(num_cycles=2)),
    ("polynomial", dict(lr_end=0.01)), ("cosine_with_min_lr", dict(min_lr=0.01)),
    ("cosine_with_min_lr", dict(min_lr_rate=0.0)), ("cosine_warmup_with_min_lr", dict(min_lr=0.01)),
    ("cosine_warmup_with_min_lr", dict(min_lr_rate=0.0)), ("constant_with_warmup", {}),
    ("inverse_sqrt", {}), ("warmup_stable_decay", None),
  ]:
    floor = "" if not settings or "num_cycles" in settings else "-" + list(settings)[0]
    for warmup, total in [(0, 1), (1, 1), (0, 2), (1, 2), (0, 5), (4, 5), (5, 5)]:
      own = dict(num_decay_steps=min(2, total - warmup)) if settings is None else settings
      hugging_face(f"{name}{floor}-edge-{warmup}-{total}", name, warmup, total, own, calls=total - 1)
  # The end and what comes after it, where the reference stays too.
  for name, settings in [
    ("linear", {}), ("cosine_with_restarts", dict(num_cycles=2)), ("polynomial", dict(lr_end=0.01)),
    ("warmup_stable_decay", dict(num_decay_steps=3, min_lr_ratio=0.1)),
    ("warmup_stable_decay", dict(num_decay_steps=0)),
  ]:
    case = f"{name}-past" + ("-at-once" if settings.get("num_decay_steps") == 0 else "")
    hugging_face(case, name, 2, 8, settings, calls=20)
  for name, settings, stays in [
    ("cosine", {}, 8), ("cosine_with_min_lr", dict(min_lr=0.01), 8),
    ("cosine_warmup_with_min_lr", dict(min_lr=0.01), 7),
  ]:
    hugging_face(f"{name}-past", name, 2, 8, settings, calls=20, stays=stays)


def main():
  simple()
  cycles()
  plateaus()
  chains()
  hugging_face_cases()
  edges()
  path = VECTORS / "schedules.safetensors"
  save_file(tensors, path, {"cases": json.dumps(cases)})
  path.chmod(0o644)
  print(f"{path.name}: {len(cases)} cases, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
  main()
