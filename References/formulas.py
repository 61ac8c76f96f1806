"""NumPy evaluations of rules that no package on PyPI implements in this form, written from the formulas.

Every rule is `rule(w, g, state, t, **settings)` and returns the new weight; t starts at 1.
Revisions that the formulas describe: Liuhong99/Sophia a7e1572, nikhilvyas/SOAP a1e5535,
KellerJordan/Muon 857d1ad, facebookresearch/optimizers f606606, NVIDIA/apex 6424da3,
microsoft/DeepSpeed 38327e0; optax 0.2.8 for sophia_h.
"""

import math

import numpy as np


def sgd_average(w, g, state, t, lr, momentum, weight_decay=0.0):
  """Momentum as an exponential average from zero: v <- b*v + (1-b)*g; w <- w - lr*v."""
  v = state.get("momentum_buffer", np.zeros_like(w))
  state["momentum_buffer"] = momentum * v + (1 - momentum) * (g + weight_decay * w)
  return w - lr * state["momentum_buffer"]


def sophia_g(w, g, state, t, lr=1e-4, betas=(0.965, 0.99), rho=0.04, weight_decay=0.1, bs=5120,
             maximize=False):
  g = -g if maximize else g
  h = state.setdefault("hessian", np.zeros_like(w))
  w = w * (1 - lr * weight_decay)
  m = state["exp_avg"] = betas[0] * state.get("exp_avg", np.zeros_like(w)) + (1 - betas[0]) * g
  return w - lr * np.sign(m) * np.minimum(1, np.abs(m) / (rho * bs * h + 1e-15))


def sophia_g_fold(state, estimate, betas=(0.965, 0.99), **_):
  """`estimate` is a gradient for sampled labels; it is squared."""
  state["hessian"] = betas[1] * state["hessian"] + (1 - betas[1]) * estimate**2


def sophia_h(w, g, state, t, lr, betas=(0.965, 0.99), eps=1e-8, weight_decay=1e-4, gamma=0.01,
             clip_threshold=1.0):
  h = state.setdefault("hessian", np.zeros_like(w))
  m = state["exp_avg"] = betas[0] * state.get("exp_avg", np.zeros_like(w)) + (1 - betas[0]) * g
  u = (m / (1 - betas[0] ** t)) / np.maximum(gamma * h, eps)
  return w - lr * (np.clip(u, -clip_threshold, clip_threshold) + weight_decay * w)


def sophia_h_fold(state, estimate, betas=(0.965, 0.99), **_):
  """`estimate` is z * (H z); it keeps its sign."""
  state["hessian"] = betas[1] * state["hessian"] + (1 - betas[1]) * estimate


def lars_paper(w, g, state, t, lr, momentum=0.9, weight_decay=0.0, trust_coefficient=0.001):
  """LARS as published: the learning rate is inside the buffer."""
  wn, gn = np.linalg.norm(w), np.linalg.norm(g)
  denominator = gn + weight_decay * wn
  trust = trust_coefficient * wn / denominator if wn > 0 and denominator > 0 else 1.0
  v = momentum * state.get("momentum_buffer", np.zeros_like(w)) + lr * trust * (g + weight_decay * w)
  state["momentum_buffer"] = v
  return w - v


def lamb_apex(w, g, state, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0,
              bias_correction=True, grad_averaging=True, adam_w_mode=True, use_nvlamb=False):
  """apex FusedLAMB with max_grad_norm=0: its clipping is the caller's."""
  g = g if adam_w_mode else g + weight_decay * w
  taken = 1 - betas[0] if grad_averaging else 1.0
  m = state["exp_avg"] = betas[0] * state.get("exp_avg", np.zeros_like(w)) + taken * g
  v = state["exp_avg_sq"] = betas[1] * state.get("exp_avg_sq", np.zeros_like(w)) + (1 - betas[1]) * g**2
  c1, c2 = (1 - betas[0] ** t, 1 - betas[1] ** t) if bias_correction else (1.0, 1.0)
  r = (m / c1) / (np.sqrt(v / c2) + eps) + (weight_decay * w if adam_w_mode else 0.0)
  wn, rn = np.linalg.norm(w), np.linalg.norm(r)
  trusts = (weight_decay != 0 or use_nvlamb) and wn > 0 and rn > 0
  return w - lr * (wn / rn if trusts else 1.0) * r


def lamb_deepspeed(w, g, state, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
                   bias_correction=True, eps_inside_sqrt=False, max_coeff=10.0, min_coeff=0.01):
  """DeepSpeed FusedLamb with max_grad_norm=0: the correction scales the whole step, decay included."""
  m = state["exp_avg"] = betas[0] * state.get("exp_avg", np.zeros_like(w)) + (1 - betas[0]) * g
  v = state["exp_avg_sq"] = betas[1] * state.get("exp_avg_sq", np.zeros_like(w)) + (1 - betas[1]) * g**2
  r = m / (np.sqrt(v + eps) if eps_inside_sqrt else np.sqrt(v) + eps) + weight_decay * w
  rate = lr * (math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t) if bias_correction else 1.0)
  wn, rn = np.linalg.norm(w), np.linalg.norm(r)
  trust = min(max(wn / rn, min_coeff), max_coeff) if wn > 0 and rn > 0 else 1.0
  return w - rate * trust * r


def orthogonalize(g, steps=5, eps=1e-7, coefficients=(3.4445, -4.7750, 2.0315)):
  """The quintic Newton-Schulz iteration, in the element type of `g`."""
  a, b, c = coefficients
  x = g.T if g.shape[0] > g.shape[1] else g
  x = x / max(np.linalg.norm(x), eps)
  for _ in range(steps):
    s = x @ x.T
    x = a * x + (b * s + c * (s @ s)) @ x
  return x.T if g.shape[0] > g.shape[1] else x


def muon(w, g, state, t, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, adjust_lr_fn=None,
         ns_steps=5):
  """torch.optim.Muon without its bfloat16: the iteration in the element type of the weights."""
  buffer = state.get("momentum_buffer", np.zeros_like(w))
  buffer = state["momentum_buffer"] = buffer + (1 - momentum) * (g - buffer)
  u = g + momentum * (buffer - g) if nesterov else buffer
  rows, columns = w.shape
  scale = {
    None: math.sqrt(max(1, rows / columns)), "original": math.sqrt(max(1, rows / columns)),
    "match_rms_adamw": 0.2 * math.sqrt(max(rows, columns)),
  }[adjust_lr_fn]
  return w * (1 - lr * weight_decay) - lr * scale * orthogonalize(u, ns_steps)


def muon_keller_jordan(w, g, state, t, lr=0.02, weight_decay=0.0, momentum=0.95):
  """KellerJordan/Muon without its bfloat16; the scale looks at the last two axes of the weight."""
  buffer = state.get("momentum_buffer", np.zeros_like(w))
  buffer = state["momentum_buffer"] = buffer + (1 - momentum) * (g - buffer)
  u = g + momentum * (buffer - g)
  scale = math.sqrt(max(1, w.shape[-2] / w.shape[-1]))
  o = orthogonalize(u.reshape(w.shape[0], -1)).reshape(w.shape)
  return w * (1 - lr * weight_decay) - lr * scale * o


def unfold(x, axis):
  return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


def multiply(x, matrix, axis):
  """Mode product: `matrix` acts on `axis` of x."""
  return np.moveaxis(np.tensordot(matrix, x, axes=(1, axis)), 0, axis)


def rotate(x, bases, back=False):
  for axis, q in enumerate(bases):
    if q is not None:
      x = multiply(x, q if back else q.T, axis)
  return x


def soap(w, g, state, t, lr=3e-3, betas=(0.95, 0.95), shampoo_beta=-1, eps=1e-8, weight_decay=0.01,
         precondition_frequency=10, max_precond_dim=10000, precondition_1d=False,
         normalize_grads=False, correct_bias=True):
  """The first call only initialises. The first moment is kept unrotated, which is the same in exact
  arithmetic as the reference's."""
  beta = shampoo_beta if shampoo_beta >= 0 else betas[1]
  axes = [
    d <= max_precond_dim and (w.ndim > 1 or precondition_1d) for d in w.shape
  ]
  if t == 1:
    state["GG"] = [(1 - beta) * unfold(g, i) @ unfold(g, i).T if on else None
                   for i, on in enumerate(axes)]
    state["Q"] = [None if x is None else np.linalg.eigh(x)[1][:, ::-1] for x in state["GG"]]
    state["exp_avg"] = state["exp_avg_sq"] = np.zeros_like(w)
    return w
  step = t - 1
  bases = state["Q"]
  state["exp_avg"] = betas[0] * state["exp_avg"] + (1 - betas[0]) * g
  v = state["exp_avg_sq"] = betas[1] * state["exp_avg_sq"] + (1 - betas[1]) * rotate(g, bases) ** 2
  n = rotate(rotate(state["exp_avg"], bases) / (np.sqrt(v) + eps), bases, back=True)
  if normalize_grads:
    n = n / (1e-30 + np.sqrt(np.mean(n**2)))
  correction = math.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step) if correct_bias else 1.0
  w = w - lr * correction * n
  w = w - lr * weight_decay * w
  for i, factor in enumerate(state["GG"]):
    if factor is not None:
      state["GG"][i] = factor + (1 - beta) * (unfold(g, i) @ unfold(g, i).T - factor)
  if step % precondition_frequency == 0:
    for i, factor in enumerate(state["GG"]):
      if factor is not None:
        q = bases[i]
        order = np.argsort(-np.diag(q.T @ factor @ q), kind="stable")
        state["exp_avg_sq"] = np.take(state["exp_avg_sq"], order, axis=i)
        bases[i] = np.linalg.qr(factor @ q[:, order])[0]
  return w


def inverse_root(matrix, exponent):
  values, vectors = np.linalg.eigh(matrix)
  return (vectors * values ** (-exponent)) @ vectors.T


def shampoo(w, g, state, t, lr=1e-3, matrix_eps=1e-6, preconditioning_compute_steps=1):
  """The original: H_i starts at eps*I, sums without decay, exponent -1/(2*order) on every axis."""
  result = g
  for axis, d in enumerate(w.shape):
    h = state.get(f"pre_cond_{axis}", matrix_eps * np.eye(d, dtype=w.dtype))
    h = state[f"pre_cond_{axis}"] = h + unfold(g, axis) @ unfold(g, axis).T
    if t % preconditioning_compute_steps == 0:
      state[f"inv_pre_cond_{axis}"] = inverse_root(h, 1 / (2 * w.ndim))
    root = state.get(f"inv_pre_cond_{axis}", np.zeros((d, d), w.dtype))
    result = multiply(result, root, axis)
  return w - lr * result
