"""Saves the state of a PyTorch optimizer as safetensors, and loads it: the form that Descent reads and writes.

    from optimizer_state import save, load
    save(optimizer, "state.safetensors", model.named_parameters())   # descent train --optimizer-state
    load(optimizer, "state.safetensors", model.named_parameters())   # descent convert-state --to pytorch

Without names, parameters are called by their number, which only fits where the optimizer has one group.
Works for torch.optim, bitsandbytes and prodigyopt, and needs torch and safetensors. The file holds

    state/<parameter>/<key>       each tensor of the state; element i of a list is <key>.<i>
    metadata: format              pytorch_optimizer_state
              optimizer           the class
              param_groups        JSON: the groups, `params` being names, and infinities texts
              values              JSON: parameter -> key -> what is no tensor
"""

import json
import math

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FORMAT = "pytorch_optimizer_state"
# bitsandbytes wraps its codes and scales in a dictionary of this name.
WRAPPED = "__bnb_optimizer_quant_state__"


def parameter_names(optimizer, named_parameters=None):
  """The name of each parameter, group by group: as given, else as the optimizer knows them, else numbers."""
  names = {id(p): name for name, p in named_parameters or []}
  known = [n for group in optimizer.param_groups for n in group.get("param_names", [])]
  parameters = [p for group in optimizer.param_groups for p in group["params"]]
  return [
    names[id(p)] if names else known[i] if known else str(i) for i, p in enumerate(parameters)
  ]


def plain(value):
  """A value that JSON can hold."""
  if isinstance(value, torch.Tensor):
    value = value.item()
  if isinstance(value, float) and not math.isfinite(value):
    return str(value)
  return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def save(optimizer, path, named_parameters=None):
  names = parameter_names(optimizer, named_parameters)
  saved = optimizer.state_dict()
  tensors, values = {}, {}
  for index, state in saved["state"].items():
    name, state = names[index], dict(state)
    state |= state.pop(WRAPPED, {})
    state.pop("al", None)  # L-BFGS's scratch
    for key, value in state.items():
      many = isinstance(value, list) and value
      for key, value in [(f"{key}.{i}", v) for i, v in enumerate(value)] if many else [(key, value)]:
        if isinstance(value, torch.Tensor):
          tensors[f"state/{name}/{key}"] = value.detach().cpu().contiguous().clone()
        elif value is not None:
          values.setdefault(name, {})[key] = plain(value)
  groups = [
    {k: plain(v) for k, v in group.items() if k not in ("params", "param_names")}
    | {"params": [names[i] for i in group["params"]]} for group in saved["param_groups"]
  ]
  save_file(tensors, path, metadata={
    "format": FORMAT, "optimizer": type(optimizer).__name__, "param_groups": json.dumps(groups),
    "values": json.dumps(values)})


def load(optimizer, path, named_parameters=None):
  """Gives the optimizer the state in a file. Its hyperparameters stay, but for those in the file."""
  names = parameter_names(optimizer, named_parameters)
  state = {}
  with safe_open(path, framework="pt") as file:
    metadata = file.metadata()
    if metadata.get("format") != FORMAT:
      raise ValueError(f"{path} is not an optimizer's state")
    entries = [
      (*key.removeprefix("state/").rsplit("/", 1), file.get_tensor(key)) for key in file.keys()
    ]
  values = json.loads(metadata["values"])
  entries += [(name, key, value) for name, keys in values.items() for key, value in keys.items()]
  for name, key, value in entries:
    if name not in names:
      raise ValueError(f"{path} has state of {name}, which the optimizer does not have")
    own, (key, _, number) = state.setdefault(names.index(name), {}), key.partition(".")
    if number:
      own.setdefault(key, {})[int(number)] = value
    else:
      own[key] = float(value) if isinstance(value, str) else value
  for own in state.values():
    for key, value in own.items():
      if isinstance(value, dict):
        own[key] = [value.get(i) for i in range(max(value) + 1)]
  result = optimizer.state_dict()
  for group in result["param_groups"]:
    for saved in json.loads(metadata["param_groups"]):
      if any(names[i] in saved["params"] for i in group["params"]):
        for key, value in saved.items():
          if key != "params":
            value = tuple(value) if isinstance(value, list) else value
            group[key] = float(value) if value in ("inf", "-inf") else value
  optimizer.load_state_dict({"state": state, "param_groups": result["param_groups"]})
