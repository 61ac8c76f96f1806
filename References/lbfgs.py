"""L-BFGS on two objectives with a closure.

`rosenbrock`: x is the parameters `a` [2] and `b` [3] joined;
  f(x) = sum_i 100 * (x[i+1] - x[i]^2)^2 + (1 - x[i])^2.
`quadratic`: w is `a` [2, 3] and `b` [4] joined row-major, i from 0;
  f(w) = sum_i (i + 1) / 2 * w_i^2 - sin(i + 1) * w_i + w_i^4 / 8.

Keys: <case>/param/<name>, <case>/param/<t>/<name> and <case>/loss/<t> for every call of step (the loss
is that at entry), <case>/evaluations/<t> (closure calls so far).
"""

import numpy as np
import torch

from optimizers import of
from trajectories import File

CALLS = 8
START = {
  "rosenbrock": {"a": [-1.2, 1.0], "b": [-0.5, 0.75, 1.5]},
  "quadratic": {"a": [[0.5, -0.25, 1.0], [-1.5, 0.75, 2.0]], "b": [1.25, -1.0, 0.125, -0.625]},
}


def rosenbrock(x):
  return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(w):
  i = torch.arange(1, w.numel() + 1, dtype=w.dtype)
  return (i / 2 * w**2 - torch.sin(i) * w + w**4 / 8).sum()


def main():
  torch.set_default_dtype(torch.float64)
  target = File("lbfgs")
  for case, objective, settings in [
    ("plain", rosenbrock, dict(lr=0.1)),
    ("short-history", rosenbrock, dict(lr=0.1, history_size=3, max_iter=7)),
    ("one-iteration", rosenbrock, dict(lr=0.2, max_iter=1)),
    ("strong-wolfe", rosenbrock, dict(line_search_fn="strong_wolfe")),
    ("strong-wolfe-short", rosenbrock,
      dict(line_search_fn="strong_wolfe", history_size=4, max_iter=5)),
    ("strong-wolfe-evaluations", rosenbrock,
      dict(line_search_fn="strong_wolfe", max_eval=6, max_iter=10)),
    ("quadratic", quadratic, dict(lr=0.5, max_iter=4)),
    ("quadratic-strong-wolfe", quadratic, dict(line_search_fn="strong_wolfe", max_iter=3)),
    ("quadratic-maximize", lambda w: -quadratic(w),
      dict(line_search_fn="strong_wolfe", max_iter=3, maximize=True)),
    ("quadratic-tolerance", quadratic, dict(lr=0.5, tolerance_grad=0.5, tolerance_change=0.01)),
  ]:
    kind = "quadratic" if "quadratic" in case else "rosenbrock"
    p = {n: torch.nn.Parameter(torch.tensor(v)) for n, v in START[kind].items()}
    optimizer = torch.optim.LBFGS(list(p.values()), **settings)
    evaluations = 0

    def closure():
      nonlocal evaluations
      evaluations += 1
      optimizer.zero_grad()
      loss = objective(torch.cat([x.reshape(-1) for x in p.values()]))
      loss.backward()
      return loss

    out = {f"param/{n}": x.detach().numpy().copy() for n, x in p.items()}
    for t in range(1, CALLS + 1):
      out[f"loss/{t}"] = np.array(optimizer.step(closure).item())
      out[f"evaluations/{t}"] = np.array(evaluations, np.int32)
      out |= {f"param/{t}/{n}": x.detach().numpy().copy() for n, x in p.items()}
    sign = -1 if "maximize" in case else 1
    print(case, evaluations, [float(f"{sign * out[f'loss/{t}']:.3g}") for t in range(1, CALLS + 1)])
    target.add(
      case, out, optimizer="lbfgs", set=settings, dtype="F64", steps=CALLS, rtol=1e-8,
      objective=kind + ("-negated" if "maximize" in case else ""), reference=of("torch"))
  target.save()


if __name__ == "__main__":
  main()
