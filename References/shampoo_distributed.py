"""Distributed Shampoo (facebookresearch/optimizers f606606, which no registry has), evaluated in NumPy.

The small problem is cut with max_preconditioner_dim 3 and 6, so that merging, cutting and
flattening of axes all happen.
"""

import itertools
import math

import numpy as np

from formulas import multiply, unfold
from optimizers import schedule
from trajectories import File, FormulaRun, Problem, SHAPES


def merged(shape, limit):
  """Axes of length 1 vanish; the others are joined from the last while the product fits."""
  result = []
  for d in reversed([d for d in shape if d != 1]):
    if result and result[0] * d <= limit:
      result[0] *= d
    else:
      result.insert(0, d)
  return tuple(result) or (1,)


def blocks(shape, limit):
  return itertools.product(*[
    [slice(s, min(s + limit, d)) for s in range(0, d, limit)] for d in shape])


def root(matrix, exponent, epsilon):
  values, vectors = np.linalg.eigh(matrix + epsilon * np.eye(len(matrix), dtype=matrix.dtype))
  if values.min() < epsilon:
    values = values - values.min() + epsilon
  return (vectors * values ** (-exponent)) @ vectors.T


def shampoo_distributed(w, g, state, t, **settings):
  shape = merged(w.shape, settings.get("max_preconditioner_dim", 1024))
  view, gradient, result = w.reshape(shape), g.reshape(shape), np.empty(shape, w.dtype)
  for i, place in enumerate(blocks(shape, settings.get("max_preconditioner_dim", 1024))):
    own = state.setdefault(i, {})
    result[place] = block_step(view[place], gradient[place], own, t, **settings)
  return result.reshape(w.shape)


def block_step(
  w, g, state, t, lr=1e-2, betas=(0.9, 1.0), beta3=-1, epsilon=1e-12, weight_decay=0.0,
  weight_decay_type="decoupled", max_preconditioner_dim=1024, precondition_frequency=1,
  start_preconditioning_step=-1, use_bias_correction=True, grafting="none", grafting_beta2=None,
  grafting_epsilon=1e-10, inverse_exponent_override=None, momentum=0.0, dampening=0.0,
  nesterov=False,
):
  beta1, beta2 = betas
  beta3 = beta1 if beta3 < 0 else beta3
  start = precondition_frequency if start_preconditioning_step < 0 else start_preconditioning_step
  if weight_decay_type == "l2":
    g = g + weight_decay * w
  correction = 1 - beta2**t if use_bias_correction and beta2 < 1 else 1.0
  exponent = inverse_exponent_override or 1 / (2 * g.ndim)
  factors = state.setdefault("L", [np.zeros((d, d), w.dtype) for d in g.shape])
  roots = state.setdefault("X", [np.eye(d, dtype=w.dtype) for d in g.shape])
  for axis in range(g.ndim):
    gram = unfold(g, axis) @ unfold(g, axis).T
    factors[axis] = beta2 * factors[axis] + (1.0 if beta2 == 1 else 1 - beta2) * gram
    if t == start or (t > start and t % precondition_frequency == 0):
      roots[axis] = root(factors[axis] / correction, exponent, epsilon)

  second = None
  if grafting not in ("none", "sgd"):
    b = grafting_beta2 or {"adam": 0.999, "rmsprop": 0.99, "adagrad": 1.0}[grafting]
    v = state.get("v", np.zeros_like(w))
    v = state["v"] = v + g**2 if grafting == "adagrad" else b * v + (1 - b) * g**2
    second = np.sqrt(v / (1 - b**t) if grafting == "adam" else v) + grafting_epsilon

  m = state.get("m", np.zeros_like(w))
  filtered = beta3 * m + (1 - beta3) * g
  state["m"] = beta1 * m + (1 - beta1) * g
  if beta1 == 0:
    filtered = g
  elif use_bias_correction:
    filtered = filtered / (1 - beta3 * beta1 ** (t - 1))

  graft = filtered if second is None else filtered / second
  if grafting != "none" and t < start:
    p = graft
  else:
    p = filtered
    for axis in range(g.ndim):
      p = multiply(p, roots[axis], axis)
    if grafting != "none":
      p = p * (np.linalg.norm(graft) / (np.linalg.norm(p) + 1e-16))
  if weight_decay_type == "decoupled":
    p = p + weight_decay * w
  if momentum > 0:
    b = state["b"] = momentum * state.get("b", np.zeros_like(w)) + (1 - dampening) * p
    p = (1 - dampening) * p + momentum * b if nesterov else b
  return w - lr * p


def main():
  problem = Problem(SHAPES | {"blocks": (7, 5)})
  target = File("shampoo-distributed")
  cases = {
    "plain": dict(epsilon=1e-4),
    "blocks": dict(epsilon=1e-4, max_preconditioner_dim=3),
    "merged": dict(epsilon=1e-3, max_preconditioner_dim=6, betas=[0.9, 0.95]),
    "no-correction": dict(
      epsilon=1e-3, max_preconditioner_dim=4, betas=[0.8, 0.9], beta3=0.5, use_bias_correction=False),
    "beta3": dict(epsilon=1e-3, max_preconditioner_dim=4, betas=[0.9, 0.95], beta3=0.7),
    "no-filter": dict(epsilon=1e-3, max_preconditioner_dim=4, betas=[0.0, 0.95]),
    "decay": dict(
      epsilon=1e-3, max_preconditioner_dim=4, weight_decay=0.1, weight_decay_type="decoupled"),
    "l2": dict(epsilon=1e-3, max_preconditioner_dim=4, weight_decay=0.1, weight_decay_type="l2"),
    "graft-sgd": dict(epsilon=1e-3, max_preconditioner_dim=4, grafting="sgd"),
    "graft-adagrad": dict(
      epsilon=1e-3, max_preconditioner_dim=4, grafting="adagrad", precondition_frequency=3),
    "graft-rmsprop": dict(
      epsilon=1e-3, max_preconditioner_dim=4, grafting="rmsprop", precondition_frequency=2,
      start_preconditioning_step=5),
    "graft-adam": dict(
      epsilon=1e-3, max_preconditioner_dim=8, grafting="adam", betas=[0.9, 0.99],
      precondition_frequency=4, start_preconditioning_step=6, weight_decay=0.1),
    "exponent": dict(epsilon=1e-3, max_preconditioner_dim=4, inverse_exponent_override=0.2),
    "momentum": dict(epsilon=1e-3, max_preconditioner_dim=4, momentum=0.9, dampening=0.5,
                     weight_decay=0.1),
    "nesterov": dict(epsilon=1e-3, max_preconditioner_dim=4, momentum=0.9, nesterov=True),
    "scheduled": dict(epsilon=1e-3, max_preconditioner_dim=4, grafting="adam"),
  }
  for case, settings in cases.items():
    settings = dict(lr=0.01) | settings
    target.run(
      case, lambda p, d: FormulaRun(shampoo_distributed, settings, p, d, counts_run=True), settings,
      "formula (facebookresearch/optimizers f606606)", problem,
      schedule(settings["lr"]) if case == "scheduled" else None)
  target.save()


if __name__ == "__main__":
  main()
