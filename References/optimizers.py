"""Trajectories of the reference optimizers. `python optimizers.py [name ...]` writes all files or those."""

import inspect
import math
import sys
import warnings
from importlib.metadata import version

import numpy as np
import torch

import formulas
from trajectories import NUMPY, SHAPES, STEPS, STORED, File, FormulaRun, Problem, TorchRun

warnings.filterwarnings("ignore")
FILES = {}


def file(function):
  FILES[function.__name__.replace("_", "-")] = function
  return function


def of(package):
  return f"{package} {version(package).split('+')[0]}"


def schedule(lr, factor=lambda x: (1 + math.cos(math.pi * x)) / 2):
  """A learning rate for every step: a cosine from `lr` towards 0."""
  return [lr * factor(t / 30) for t in range(30)]


def torch_cases(name, optimizer, sets, reference="torch", problem=None, default_lr=None, **more):
  """One case a row of `sets`: case name -> options. The case `scheduled` follows a cosine."""
  target = File(name)
  for case, settings in sets.items():
    lrs = None
    if case.startswith("scheduled"):
      lr = settings.get("lr", default_lr)
      lrs = schedule(lr if lr is not None else inspect.signature(optimizer).parameters["lr"].default)
    target.run(
      case, lambda p, d: TorchRun(lambda w: optimizer(w, **settings), p, d), settings, of(reference),
      problem, lrs, **more)
  return target


@file
def sgd():
  target = torch_cases("sgd", torch.optim.SGD, {
    "plain": dict(lr=0.1),
    "decay": dict(lr=0.1, weight_decay=0.05),
    "momentum": dict(lr=0.05, momentum=0.9),
    "dampening": dict(lr=0.05, momentum=0.9, dampening=0.5, weight_decay=0.01),
    "nesterov": dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "maximize": dict(lr=0.01, momentum=0.9, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.05, momentum=0.9),
    "scheduled-nesterov": dict(lr=0.05, momentum=0.9, nesterov=True),
  })
  for case, settings in {
    "average": dict(lr=0.5, momentum=0.9),
    "average-decay": dict(lr=0.5, momentum=0.8, weight_decay=0.05),
  }.items():
    target.run(
      case, lambda p, d: FormulaRun(formulas.sgd_average, settings, p, d), settings,
      "formula: v <- mu*v + (1-mu)*g, w <- w - lr*v", ours={"momentum_form": "average"})
  for case, settings in {
    "look-ahead": dict(lr=0.05, momentum=0.9),
    "look-ahead-decay": dict(lr=0.05, momentum=0.9, weight_decay=0.05),
  }.items():
    look_ahead(target, case, settings)
  target.save()


def look_ahead(target, case, settings):
  """Nesterov with the gradient at y = w + mu*v: v <- mu*v - lr*g; w <- w + v. Both w (param) and
  the point of the gradient (look-ahead) are stored; weight decay acts at the same point."""
  lr, mu, decay = settings["lr"], settings["momentum"], settings.get("weight_decay", 0.0)
  for dtype in ("F64", "F32"):
    problem, kind = Problem(), NUMPY[dtype]
    w = {n: np.array(x, kind) for n, x in problem.initial.items()}
    v = {n: np.zeros_like(x) for n, x in w.items()}
    out = {f"param/{n}": x for n, x in w.items()}
    for t in range(1, STEPS[dtype] + 1):
      for n in w:
        if problem.present(n, t):
          y = (w[n] + kind(mu) * v[n]).astype(kind)
          g = problem.gradient(n, t, y).astype(kind)
          v[n] = (kind(mu) * v[n] - kind(lr) * (g + kind(decay) * y)).astype(kind)
          w[n] = (w[n] + v[n]).astype(kind)
          out[f"grad/{t}/{n}"] = g
        if t in STORED:
          out[f"param/{t}/{n}"] = w[n]
          out[f"look-ahead/{t}/{n}"] = (w[n] + kind(mu) * v[n]).astype(kind)
    out |= {f"state/momentum_buffer/{n}": x for n, x in v.items() if n != "frozen"}
    target.add(
      f"{case}-{dtype.lower()}", out, optimizer="sgd",
      set=settings | {"momentum_form": "look-ahead"}, dtype=dtype,
      steps=STEPS[dtype], reference="formula: v <- mu*v - lr*grad(w + mu*v), w <- w + v",
      rtol=1e-10 if dtype == "F64" else 2e-6)


@file
def adagrad():
  torch_cases("adagrad", torch.optim.Adagrad, {
    "plain": dict(lr=0.1),
    "lr_decay": dict(lr=0.1, lr_decay=0.05, weight_decay=0.01),
    "accumulator": dict(lr=0.1, initial_accumulator_value=0.1, eps=0.01),
    "maximize": dict(lr=0.02, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.1, lr_decay=0.01),
  }).save()


@file
def rmsprop():
  torch_cases("rmsprop", torch.optim.RMSprop, {
    "plain": dict(lr=0.01),
    "alpha": dict(lr=0.01, alpha=0.9, weight_decay=0.05),
    "eps": dict(lr=0.01, eps=0.05),
    "centered": dict(lr=0.01, centered=True, alpha=0.95),
    "momentum": dict(lr=0.003, momentum=0.9),
    "centered-momentum": dict(lr=0.003, momentum=0.9, centered=True, weight_decay=0.05),
    "maximize": dict(lr=0.01, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.01, momentum=0.5),
  }).save()


@file
def adam():
  torch_cases("adam", torch.optim.Adam, {
    "plain": dict(lr=0.01),
    "decay": dict(lr=0.01, weight_decay=0.1),
    "betas": dict(lr=0.01, betas=[0.8, 0.95]),
    "eps": dict(lr=0.01, eps=0.05),
    "amsgrad": dict(lr=0.03, amsgrad=True, betas=[0.9, 0.8]),
    "amsgrad-all": dict(lr=0.01, amsgrad=True, betas=[0.5, 0.7], weight_decay=0.5, maximize=True),
    "decoupled": dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True),
    "maximize": dict(lr=0.01, maximize=True),
    "scheduled": dict(lr=0.01, weight_decay=0.1),
  }).save()


@file
def adamw():
  torch_cases("adamw", torch.optim.AdamW, {
    "plain": dict(lr=0.01),
    "no-decay": dict(lr=0.01, weight_decay=0.0),
    "decay": dict(lr=0.01, weight_decay=0.5),
    "betas": dict(lr=0.01, betas=[0.9, 0.95], weight_decay=0.1),
    "eps": dict(lr=0.01, eps=0.05),
    "amsgrad": dict(lr=0.03, amsgrad=True, betas=[0.9, 0.8]),
    "maximize": dict(lr=0.01, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.01, weight_decay=0.5),
  }).save()


@file
def nadam():
  torch_cases("nadam", torch.optim.NAdam, {
    "plain": dict(lr=0.01),
    "decay": dict(lr=0.01, weight_decay=0.1),
    "decoupled": dict(lr=0.01, weight_decay=0.5, decoupled_weight_decay=True),
    "momentum_decay": dict(lr=0.01, momentum_decay=0.1, betas=[0.8, 0.95]),
    "eps": dict(lr=0.01, eps=0.05),
    "maximize": dict(lr=0.01, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.01),
  }).save()


@file
def radam():
  torch_cases("radam", torch.optim.RAdam, {
    "plain": dict(lr=0.01),
    "decay": dict(lr=0.01, weight_decay=0.1),
    "decoupled": dict(lr=0.01, weight_decay=0.5, decoupled_weight_decay=True),
    "betas": dict(lr=0.01, betas=[0.8, 0.9]),
    "never-rectified": dict(lr=0.01, betas=[0.9, 0.6]),
    "eps": dict(lr=0.01, eps=0.05),
    "maximize": dict(lr=0.01, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.01),
  }).save()


@file
def adamax():
  torch_cases("adamax", torch.optim.Adamax, {
    "plain": dict(lr=0.01),
    "decay": dict(lr=0.01, weight_decay=0.1, betas=[0.8, 0.9]),
    "eps": dict(lr=0.01, eps=0.1),
    "maximize": dict(lr=0.01, maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.01),
  }).save()


@file
def adadelta():
  torch_cases("adadelta", torch.optim.Adadelta, {
    "plain": dict(),
    "rho": dict(lr=0.5, rho=0.8, weight_decay=0.1),
    "eps": dict(eps=1e-3),
    "maximize": dict(maximize=True, weight_decay=0.5),
    "scheduled": dict(eps=1e-3),
  }).save()


@file
def rprop():
  torch_cases("rprop", torch.optim.Rprop, {
    "plain": dict(lr=0.01),
    "etas": dict(lr=0.05, etas=[0.3, 1.5], step_sizes=[0.01, 0.2]),
    "maximize": dict(lr=0.01, maximize=True),
    "scheduled": dict(lr=0.05),
  }).save()


@file
def asgd():
  torch_cases("asgd", torch.optim.ASGD, {
    "plain": dict(lr=0.1),
    "averaging": dict(lr=0.1, t0=5, lambd=0.01, alpha=0.6, weight_decay=0.05),
    "maximize": dict(lr=0.02, maximize=True, weight_decay=0.5, t0=3),
    "scheduled": dict(lr=0.1, lambd=0.05, t0=10),
  }).save()


@file
def adafactor_torch():
  torch_cases("adafactor-torch", torch.optim.Adafactor, {
    "plain": dict(),
    "decay": dict(lr=0.05, weight_decay=0.5),
    "clip": dict(lr=0.1, d=1.1, beta2_decay=-0.5),
    "eps": dict(lr=0.1, eps=[0.3, 1.5]),
    "maximize": dict(maximize=True, weight_decay=0.5),
    "scheduled": dict(lr=0.02, weight_decay=0.5),
  }).save()


@file
def adafactor():
  from transformers.optimization import Adafactor
  fixed = dict(relative_step=False, scale_parameter=False)
  torch_cases("adafactor", Adafactor, {
    "plain": dict(),
    "warmup_init": dict(warmup_init=True),
    "no-scale": dict(scale_parameter=False),
    "lr": dict(lr=0.01, relative_step=False),
    "lr-no-scale": dict(lr=0.01, **fixed),
    "beta1": dict(lr=0.01, beta1=0.9, weight_decay=0.1, **fixed),
    "beta1-relative": dict(beta1=0.8, weight_decay=0.5),
    "clip": dict(lr=0.05, clip_threshold=0.3, decay_rate=-0.5, relative_step=False),
    "eps": dict(lr=0.05, eps=[0.05, 1.5], relative_step=False),
    "scheduled": dict(lr=0.01, weight_decay=0.5, relative_step=False),
  }, "transformers").save()


@file
def lion():
  from lion_pytorch import Lion
  from lion_pytorch.cautious_lion import Lion as CautiousLion
  target = torch_cases("lion", Lion, {
    "plain": dict(lr=0.01),
    "decay": dict(lr=0.01, weight_decay=0.5),
    "betas": dict(lr=0.01, betas=[0.95, 0.98], weight_decay=0.1),
    "decoupled": dict(lr=0.01, weight_decay=0.01, decoupled_weight_decay=True),
    "scheduled": dict(lr=0.01, weight_decay=0.5),
    "scheduled-decoupled": dict(lr=0.01, weight_decay=0.01, decoupled_weight_decay=True),
  }, "lion-pytorch")
  cautious = torch_cases("lion", CautiousLion, {
    "cautious": dict(lr=0.01, cautious_factor=0.0),
    "cautious-factor": dict(lr=0.01, cautious_factor=0.3, weight_decay=0.5),
  }, "lion-pytorch")
  # The factor of a masked decay is made in float32, whatever the weights' type.
  masked = torch_cases("lion", CautiousLion, {
    "cautious-decay": dict(lr=0.01, cautious_factor=0.0, weight_decay=0.5, cautious_wd=True),
  }, "lion-pytorch", rtol={"F64": 2e-6})
  for part in (cautious, masked):
    target.tensors |= part.tensors
    target.cases |= part.cases
  target.save()


@file
def prodigy():
  from prodigyopt import Prodigy
  zero = Problem(SHAPES | {"zero": (4,)})
  # For the p0 of a tensor of zeros the reference keeps one zero.
  omits = ["state/p0/zero"]
  target = torch_cases("prodigy", Prodigy, {
    "d0": dict(d0=0.01),
    "bias": dict(d0=0.01, use_bias_correction=True, weight_decay=0.1),
    "coupled": dict(d0=0.01, weight_decay=0.1, decouple=False),
    "beta3": dict(d0=0.01, beta3=0.9, betas=[0.8, 0.95]),
    "safeguard": dict(d0=0.01, safeguard_warmup=True, lr=0.5),
    "d_coef": dict(d0=0.01, d_coef=0.5),
    "growth": dict(d0=0.01, growth_rate=1.05),
    "slice": dict(d0=0.01, slice_p=3),
    "no-momentum": dict(d0=0.01, betas=[0.0, 0.99]),
    "eps": dict(d0=0.01, eps=0.1),
    "scheduled": dict(d0=0.01, weight_decay=0.1),
  }, "prodigyopt", problem=zero, omits=omits)
  # d grows from the rounding of p0 - w when d0 is 1e-6: nothing to compare in float32.
  plain = torch_cases(
    "prodigy", Prodigy, {"plain": {}}, "prodigyopt", zero, dtypes=("F64",), omits=omits)
  target.tensors |= plain.tensors
  target.cases |= plain.cases
  target.save()


@file
def dadapt_adam():
  from dadaptation import DAdaptAdam
  torch_cases("dadapt-adam", DAdaptAdam, {
    "plain": dict(),
    "d0": dict(d0=0.01),
    "bias": dict(d0=0.01, use_bias_correction=True, betas=[0.8, 0.99]),
    "decay": dict(d0=0.01, weight_decay=0.1),
    "decoupled": dict(d0=0.01, weight_decay=0.1, decouple=True),
    "growth": dict(d0=0.01, growth_rate=1.02),
    "scheduled": dict(d0=0.01, eps=1e-3),
  }, "dadaptation").save()


@file
def schedule_free_adamw():
  from schedulefree import AdamWScheduleFree
  torch_cases("schedule-free-adamw", AdamWScheduleFree, {
    "plain": dict(lr=0.01),
    "warmup": dict(lr=0.02, warmup_steps=5, weight_decay=0.1),
    "weights": dict(lr=0.01, warmup_steps=10, r=1.0, weight_lr_power=1.0),
    "betas": dict(lr=0.01, betas=[0.95, 0.9], eps=0.05),
    "scheduled": dict(lr=0.01, weight_decay=0.1),
  }, "schedulefree").save()


@file
def schedule_free_sgd():
  from schedulefree import SGDScheduleFree
  torch_cases("schedule-free-sgd", SGDScheduleFree, {
    "plain": dict(lr=0.1),
    "warmup": dict(lr=0.2, warmup_steps=5, weight_decay=0.1),
    "weights": dict(lr=0.1, warmup_steps=10, r=1.0, weight_lr_power=0.0, momentum=0.8),
    "scheduled": dict(lr=0.1, weight_decay=0.1),
  }, "schedulefree").save()


class OptaxRun(FormulaRun):
  """An optax transformation, one a tensor, so that steps are counted per parameter."""

  def __init__(self, make, problem, dtype, lr):
    super().__init__(None, {"lr": lr}, problem, dtype)
    self.make = make
    self.transformations = {}

  def step(self, t, gradients, lr):
    import jax
    jax.config.update("jax_enable_x64", True)
    transform = self.make(lr if lr is not None else self.settings["lr"])
    for name, g in gradients.items():
      w = jax.numpy.asarray(self.weights[name])
      old = self.transformations.get(name) or transform.init(w)
      update, self.transformations[name] = transform.update(jax.numpy.asarray(g), old, w)
      self.weights[name] = np.asarray(w + update).astype(self.dtype)

  def state(self):
    result = {}
    for name, state in self.transformations.items():
      for part in state:
        for slot, key in (("mu", "exp_avg"), ("nu", "exp_avg_sq"), ("trace", "momentum_buffer")):
          if hasattr(part, slot):
            result[f"{key}/{name}"] = np.array(getattr(part, slot))
    return result


@file
def lamb():
  import optax
  from pytorch_optimizer import Lamb
  zero = Problem(SHAPES | {"zero": (4,)})
  target = File("lamb")
  for case, settings in {
    "plain": dict(lr=0.02),
    "decay": dict(lr=0.02, weight_decay=0.1),
    "eps": dict(lr=0.02, eps=0.05, betas=[0.8, 0.95]),
    "scheduled": dict(lr=0.02, weight_decay=0.5),
  }.items():
    b = settings.get("betas", [0.9, 0.999])
    make = lambda lr: optax.lamb(
      lr, b[0], b[1], settings.get("eps", 1e-6), weight_decay=settings.get("weight_decay", 0.0))
    target.run(
      case, lambda p, d: OptaxRun(make, p, d, settings["lr"]), settings, of("optax"), zero,
      schedule(settings["lr"]) if case == "scheduled" else None, ours={"variant": "paper"})
  other = torch_cases("lamb", Lamb, {
    "pytorch_optimizer": dict(lr=0.002, max_grad_norm=0.0),
    "pytorch_optimizer-decay": dict(lr=0.002, weight_decay=0.1, max_grad_norm=0.0),
  }, "pytorch_optimizer", Problem(), ours={"variant": "pytorch_optimizer", "max_grad_norm": None})
  target.tensors |= other.tensors
  target.cases |= other.cases
  lamb_variants(target, zero)
  target.save()


def lamb_variants(target, problem):
  for variant, rule, sets in [
    ("apex", formulas.lamb_apex, {
      "plain": dict(lr=0.02), "decay": dict(lr=0.02, weight_decay=0.1),
      "nvlamb": dict(lr=0.02, use_nvlamb=True),
      "l2": dict(lr=0.02, weight_decay=0.1, adam_w_mode=False),
      "summed": dict(lr=0.005, weight_decay=0.1, grad_averaging=False, bias_correction=False),
      "scheduled": dict(lr=0.02, weight_decay=0.5)}),
    ("deepspeed", formulas.lamb_deepspeed, {
      "plain": dict(lr=0.02, eps=1e-8), "decay": dict(lr=0.02, weight_decay=0.1, eps=1e-8),
      "limits": dict(lr=0.02, max_coeff=0.5, min_coeff=0.3, eps=1e-8),
      "inside": dict(lr=0.02, eps=0.01, eps_inside_sqrt=True, bias_correction=False),
      "scheduled": dict(lr=0.02, weight_decay=0.5, eps=1e-8)}),
  ]:
    for case, settings in sets.items():
      target.run(
        f"{variant}-{case}",
        lambda p, d: FormulaRun(rule, settings, p, d, counts_run=variant == "apex"), settings,
        f"formula ({variant})", problem, schedule(0.02) if case == "scheduled" else None,
        ours={"variant": variant})


@file
def lars():
  import optax
  from pytorch_optimizer import LARS
  zero = Problem(SHAPES | {"zero": (4,)})
  target = File("lars")
  for case, settings in {
    "paper": dict(lr=5.0),
    "paper-decay": dict(lr=5.0, weight_decay=0.1, momentum=0.8, trust_coefficient=0.002),
    "scheduled": dict(lr=5.0, weight_decay=0.01),
  }.items():
    target.run(
      case, lambda p, d: FormulaRun(formulas.lars_paper, settings, p, d), settings,
      "formula (arXiv:1708.03888, lr inside the buffer)", zero,
      schedule(settings["lr"]) if case == "scheduled" else None, ours={"variant": "paper"})
  for case, settings in {
    "optax": dict(lr=5.0), "optax-decay": dict(lr=5.0, weight_decay=0.1, momentum=0.8),
  }.items():
    make = lambda lr: optax.lars(
      lr, settings.get("weight_decay", 0.0), momentum=settings.get("momentum", 0.9))
    target.run(
      case, lambda p, d: OptaxRun(make, p, d, settings["lr"]), settings, of("optax"), zero,
      ours={"variant": "optax"}, signs={"momentum_buffer": -1})
  other = torch_cases("lars", LARS, {
    "pytorch_optimizer": dict(lr=5.0),
    "pytorch_optimizer-decay": dict(lr=5.0, weight_decay=0.1, momentum=0.8, nesterov=True),
  }, "pytorch_optimizer", ours={"variant": "pytorch_optimizer"}, problem=Problem(
    {n: s for n, s in SHAPES.items() if len(s) > 1 or n == "frozen"}))
  target.tensors |= other.tensors
  target.cases |= other.cases
  target.save()


@file
def sophia_g():
  target = File("sophia-g")
  for case, settings in {
    "plain": dict(lr=0.01, bs=10),
    "rho": dict(lr=0.01, bs=30, rho=0.3, weight_decay=0.5, betas=[0.9, 0.8]),
    "maximize": dict(lr=0.01, bs=10, maximize=True),
    "scheduled": dict(lr=0.01, bs=10),
  }.items():
    target.run(
      case,
      lambda p, d: FormulaRun(formulas.sophia_g, settings, p, d, formulas.sophia_g_fold), settings,
      "formula (Liuhong99/Sophia a7e1572)",
      lrs=schedule(0.01) if case == "scheduled" else None, estimate_at=lambda t: t % 5 == 0,
      hessian_every=5)
  target.save()


@file
def sophia_h():
  target = File("sophia-h")
  for case, settings in {
    "plain": dict(lr=0.01),
    "gamma": dict(lr=0.01, gamma=0.9, weight_decay=0.5, betas=[0.9, 0.8], clip_threshold=0.5),
    "eps": dict(lr=0.01, gamma=0.9, eps=0.1),
    "scheduled": dict(lr=0.01, gamma=0.5),
  }.items():
    target.run(
      case,
      lambda p, d: FormulaRun(formulas.sophia_h, settings, p, d, formulas.sophia_h_fold), settings,
      "formula (optax 0.2.8 contrib.sophia)",
      lrs=schedule(0.01) if case == "scheduled" else None, estimate_at=lambda t: t % 5 == 1,
      hessian_every=5)
  target.save()


@file
def muon():
  matrices = Problem({"tall": (5, 3), "wide": (3, 8), "square": (4, 4)})
  sets = {
    "plain": dict(lr=0.02),
    "match": dict(lr=0.01, adjust_lr_fn="match_rms_adamw", weight_decay=0.5),
    "heavy-ball": dict(lr=0.02, nesterov=False, momentum=0.8, weight_decay=0.0),
    "steps": dict(lr=0.02, ns_steps=3),
    "scheduled": dict(lr=0.02),
  }
  target = File("muon")
  for case, settings in sets.items():
    lrs = schedule(settings["lr"]) if case == "scheduled" else None
    loose = {d: 0.25 * settings["lr"] for d in ("F64", "F32")}
    target.run(
      f"bfloat16-{case}",
      lambda p, d: TorchRun(lambda w: torch.optim.Muon(w, **settings), p, d), settings, of("torch"),
      matrices, lrs, loose)
    target.run(
      case, lambda p, d: FormulaRun(formulas.muon, settings, p, d), settings,
      "formula (torch 2.15.0, iteration in the element type of the weights)", matrices, lrs)
  settings = dict(lr=0.02, weight_decay=0.1)
  target.run(
    "keller-jordan", lambda p, d: FormulaRun(formulas.muon_keller_jordan, settings, p, d), settings,
    "formula (KellerJordan/Muon 857d1ad, iteration in the element type of the weights)",
    Problem({"tall": (5, 3), "wide": (3, 8), "conv": (4, 3, 2, 2)}),
    ours={"adjust_lr_fn": "keller_jordan"})
  target.save()


@file
def soap():
  # A gradient with a null space of two dimensions has no unique eigenbasis: keep to full rank.
  full = Problem({
    "scalar": (), "vector": (7,), "square": (4, 4), "conv": (2, 3, 2, 2), "sparse": (6,)})
  long = Problem({"tall": (5, 3), "wide": (3, 8), "frozen": (4,)})
  target = File("soap")
  for case, problem, settings in [
    ("plain", full, dict(lr=0.01)),
    ("frequency", full, dict(lr=0.01, precondition_frequency=3, weight_decay=0.1)),
    ("betas", full, dict(lr=0.01, betas=[0.9, 0.95], shampoo_beta=0.8, eps=1e-3)),
    ("normalize", full, dict(lr=0.01, normalize_grads=True, precondition_frequency=4)),
    ("no-correction", full, dict(lr=0.01, correct_bias=False, precondition_frequency=1)),
    ("one-side", long, dict(lr=0.01, max_precond_dim=4, precondition_frequency=4)),
    ("scheduled", full, dict(lr=0.01, precondition_frequency=5, weight_decay=0.1)),
  ]:
    target.run(
      case, lambda p, d: FormulaRun(formulas.soap, settings, p, d), settings,
      "formula (nikhilvyas/SOAP a1e5535)", problem,
      schedule(settings["lr"]) if case == "scheduled" else None)
  target.save()


@file
def shampoo():
  from pytorch_optimizer import Shampoo
  shapes = {n: s for n, s in SHAPES.items() if n != "scalar"}
  target = File("shampoo")
  for case, problem, settings in [
    ("plain", Problem(shapes), dict(lr=0.1)),
    ("eps", Problem(shapes), dict(lr=0.1, matrix_eps=0.1)),
    ("delayed", Problem(shapes), dict(lr=0.1, preconditioning_compute_steps=4, matrix_eps=0.01)),
    ("scheduled", Problem(shapes), dict(lr=0.1, matrix_eps=0.01)),
  ]:
    lrs = schedule(settings["lr"]) if case == "scheduled" else None
    target.run(
      case, lambda p, d: FormulaRun(formulas.shampoo, settings, p, d, counts_run=True), settings,
      "formula (arXiv:1802.09568)", problem, lrs)
    target.run(
      f"pytorch_optimizer-{case}",
      lambda p, d: TorchRun(lambda w: Shampoo(w, **settings), p, d), settings,
      of("pytorch_optimizer"), problem, lrs)
  target.save()


if __name__ == "__main__":
  for name in sys.argv[1:] or FILES:
    FILES[name]()
