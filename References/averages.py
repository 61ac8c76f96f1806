"""Averages of weights, float64.

Tensor `<case>/weights` [T, n] holds the weights after steps 1...T, as training would leave them were they
not changed by the average; `<case>/average` [T, n] the average after each step, and for Lookahead
`<case>/after` [T, n] the weights that training goes on from: there the weights move by
weights[t] - weights[t - 1]. `<case>/first` [n] are the weights before step 1. The metadata key `cases` is
JSON: case -> name, set, reference.
"""

import json
from importlib.metadata import version

import numpy as np
import torch
from safetensors.numpy import save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

from trajectories import VECTORS

torch.set_default_dtype(torch.float64)
T, N = 40, 11
tensors, cases = {}, {}
first = np.cos(np.arange(N))
path = np.cumsum(np.sin(np.outer(np.arange(1, T + 1), np.arange(1, N + 1))), 0) + first


def record(case, name, settings, average, reference, after=None):
  tensors[f"{case}/first"], tensors[f"{case}/weights"] = first, path
  tensors[f"{case}/average"] = np.array(average)
  if after is not None:
    tensors[f"{case}/after"] = np.array(after)
  cases[case] = dict(name=name, set=settings, reference=reference)


def averaged_model(multi_avg_fn, takes):
  """torch's AveragedModel over a module that has one parameter; before the first update, the weights."""
  module = torch.nn.Module()
  module.w = torch.nn.Parameter(torch.tensor(first))
  model = AveragedModel(module, multi_avg_fn=multi_avg_fn)
  out = []
  for t, w in enumerate(path, 1):
    module.w.data = torch.tensor(w)
    if takes(t):
      model.update_parameters(module)
    out.append((model.module.w if model.n_averaged > 0 else module.w).detach().numpy().copy())
  return out


torch_version = f"torch {version('torch').split('+')[0]}"
for decay in (0.9, 0.999):
  record(
    f"ema-{decay}", "ema", {"decay": decay},
    averaged_model(get_ema_multi_avg_fn(decay), lambda t: True), torch_version)
for start, every in ((1, 1), (10, 4)):
  record(
    f"swa-{start}-{every}", "swa", {"start": start, "every": every},
    averaged_model(get_swa_multi_avg_fn(), lambda t: t >= start and (t - start) % every == 0),
    torch_version)

e, out = None, []
for n, w in enumerate(path):
  e = w if e is None else e + (1 - min(0.95, (1 + n) / (10 + n))) * (w - e)
  out.append(e)
record("ema-warmed", "ema", {"decay": 0.95, "warmed": True}, out, "formula (TensorFlow's)")

for window, every in ((3, 2), (6, 5)):
  out = []
  for t in range(1, T + 1):
    kept = [path[s - 1] for s in range(every, t + 1, every)][-window:]
    out.append(np.mean(kept, 0) if kept else path[t - 1])
  record(f"lawa-{window}-{every}", "lawa", {"window": window, "every": every}, out, "formula")

for k, alpha in ((5, 0.5), (3, 0.8)):
  slow, w, average, after, before = first, first, [], [], first
  for t in range(1, T + 1):
    w = w + (path[t - 1] - before)
    before = path[t - 1]
    if t % k == 0:
      slow = slow + alpha * (w - slow)
      w = slow
    average.append(slow)
    after.append(w)
  record(f"lookahead-{k}", "lookahead", {"k": k, "alpha": alpha}, average,
         "formula (pytorch_optimizer's)", after)

save_file(tensors, VECTORS / "averages.safetensors", metadata={"cases": json.dumps(cases)})
