"""Learning rates and lengths of the runs that other tools' configurations make.

Writes `configurations.json`: a list of cases with `tool`, `config` (the keys), `examples`, `ranks`, `total`
(optimizer steps) and `rates`: [[completed steps, learning rate], ...].

Hugging Face's are those of a real Trainer on the CPU. Those of the other tools follow their sources: sd-scripts
hands its keys to the same schedules and steps them once for each process; OneTrainer and axolotl have formulas
of their own, which are written again here.
"""

import sys

sys.path.pop(0)  # where statistics.py would stand for Python's own

import json
import math
import tempfile
import warnings
from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments, get_scheduler

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
OUTPUT = Path(__file__).parent.parent / "Tests/DescentLabTests/Vectors/configurations.json"
cases = []


def optimizer(rate):
  return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def sampled(rates):
  """Both ends, and some steps between."""
  total = len(rates)
  places = sorted({0, 1, 2, total // 10, total // 3, total // 2, 2 * total // 3, total - 2, total - 1})
  return [[t, rates[t]] for t in places if 0 <= t < total]


def walk(scheduler, o, total, times=1):
  rates = []
  for _ in range(total):
    rates.append(o.param_groups[0]["lr"])
    o.step()
    for _ in range(times):
      scheduler.step()
  return rates


def add(tool, config, examples, rates, ranks=1):
  cases.append(dict(tool=tool, config=config, examples=examples, ranks=ranks, total=len(rates),
                    rates=sampled(rates)))


class Lines(torch.utils.data.Dataset):
  def __init__(self, count): self.count = count
  def __len__(self): return self.count
  def __getitem__(self, i): return {"x": torch.zeros(1)}


def hugging_face(examples, **config):
  with tempfile.TemporaryDirectory() as folder:
    args = TrainingArguments(output_dir=folder, use_cpu=True, report_to="none", **config)
    trainer = Trainer(torch.nn.Linear(1, 1), args, train_dataset=Lines(examples))
    loader = trainer.get_train_dataloader()
    total = trainer.set_initial_training_values(args, loader)[-1]
    # The schedule does not ask which optimizer it drives.
    trainer.optimizer = optimizer(args.learning_rate)
    scheduler = trainer.create_scheduler(num_training_steps=total, optimizer=trainer.optimizer)
    add("huggingface", {"output_dir": "out", **config}, examples,
        walk(scheduler, trainer.optimizer, total))


def hugging_face_cases():
  base = dict(learning_rate=2e-4, per_device_train_batch_size=4, gradient_accumulation_steps=8)
  hugging_face(1000, num_train_epochs=3)
  hugging_face(1000, **base)
  hugging_face(1003, **base, num_train_epochs=2.5, warmup_steps=0.1)
  hugging_face(91, learning_rate=1e-3, per_device_train_batch_size=5, gradient_accumulation_steps=3,
               num_train_epochs=10, warmup_steps=7)
  hugging_face(91, per_device_train_batch_size=10, dataloader_drop_last=True, num_train_epochs=2)
  hugging_face(7, per_device_train_batch_size=8, gradient_accumulation_steps=4, num_train_epochs=3)
  hugging_face(500, max_steps=120, num_train_epochs=9, warmup_steps=13)
  for name, settings in [
    ("linear", None), ("cosine", None), ("cosine", dict(num_cycles=1.5)),
    ("cosine_with_restarts", dict(num_cycles=3)), ("cosine_with_restarts", None),
    ("polynomial", dict(lr_end=1e-6, power=2.0)), ("polynomial", None), ("constant", None),
    ("constant_with_warmup", None), ("inverse_sqrt", None), ("inverse_sqrt", dict(timescale=50)),
    ("cosine_with_min_lr", dict(min_lr=1e-5)), ("cosine_with_min_lr", dict(min_lr_rate=0.1)),
    ("cosine_warmup_with_min_lr", dict(min_lr_rate=0.1)),
    ("warmup_stable_decay", dict(num_decay_steps=60)),
    ("warmup_stable_decay", dict(num_decay_steps=60, min_lr_ratio=0.1, decay_type="1-sqrt")),
  ]:
    for warmup in (0, 33, 0.07):
      extra = {"lr_scheduler_kwargs": settings} if settings else {}
      hugging_face(400, learning_rate=3e-4, max_steps=311, lr_scheduler_type=name, warmup_steps=warmup,
                   **extra)
  hugging_face(400, learning_rate=3e-4, max_steps=50, lr_scheduler_type="cosine", warmup_steps=80)


def kohya(total, ranks=1, rate=1e-4, warmup=0, **config):
  """As get_scheduler_fix: T is the steps times the processes, and a share of it is cut off, not rounded."""
  name = config.get("lr_scheduler", "constant")
  length = total * ranks
  W = int(warmup * length) if isinstance(warmup, float) else warmup
  cycles = config.get("lr_scheduler_num_cycles", 1)
  settings = {}
  if name == "cosine_with_restarts": settings = dict(num_cycles=cycles)
  if name == "polynomial": settings = dict(power=config.get("lr_scheduler_power", 1))
  if name == "cosine_with_min_lr":
    settings = dict(num_cycles=cycles / 2, min_lr_rate=config["lr_scheduler_min_lr_ratio"])
  if name == "warmup_stable_decay":
    decay = config["lr_decay_steps"]
    D = int(decay * length) if isinstance(decay, float) else decay
    settings = dict(num_stable_steps=length - W - D, num_decay_steps=D, num_cycles=cycles / 2,
                    min_lr_ratio=config.get("lr_scheduler_min_lr_ratio", 0.0))
  o = optimizer(rate)
  scheduler = get_scheduler(name, o, W, length, scheduler_specific_kwargs=settings or None)
  keys = dict(network_module="networks.lora", learning_rate=rate, max_train_steps=total, **config)
  if warmup: keys["lr_warmup_steps"] = warmup
  add("kohya", keys, None, walk(scheduler, o, total, ranks), ranks)


def kohya_cases():
  kohya(1600)
  kohya(1600, lr_scheduler="cosine", warmup=160)
  kohya(333, lr_scheduler="cosine", warmup=0.1)
  kohya(333, lr_scheduler="cosine_with_restarts", lr_scheduler_num_cycles=4, warmup=0.05)
  kohya(200, lr_scheduler="polynomial", lr_scheduler_power=2.5, warmup=20)
  kohya(200, lr_scheduler="constant_with_warmup", warmup=50)
  kohya(200, lr_scheduler="linear")
  kohya(200, lr_scheduler="inverse_sqrt", warmup=25)
  kohya(200, lr_scheduler="cosine_with_min_lr", lr_scheduler_min_lr_ratio=0.1, warmup=20)
  kohya(200, lr_scheduler="warmup_stable_decay", lr_decay_steps=0.25, lr_scheduler_min_lr_ratio=0.05, warmup=20)
  kohya(200, ranks=4, lr_scheduler="cosine", warmup=40)
  kohya(200, ranks=4, lr_scheduler="linear", warmup=0.1)


def one_trainer(images, rate=1e-4, batch=2, accumulation=1, epochs=10, ranks=1, warmup=200,
                scheduler="CONSTANT", cycles=1.0, floor=0.0, **more):
  """Images that fill no batch are dropped; steps are cut off; the warmup counts batches."""
  total = int((images // (batch * ranks)) * epochs / accumulation)
  if warmup > 1: W = int(warmup / accumulation)
  elif warmup > 0: W = int(warmup * total)
  else: W = 0
  S = total - W
  def factor(t):
    u = t / S
    if scheduler == "CONSTANT": return 1
    if scheduler == "LINEAR": f = max(0, (S - t) / S)
    elif scheduler == "COSINE": f = 0.5 * (1 + math.cos(u * math.pi))
    elif scheduler == "COSINE_WITH_RESTARTS": f = 0.5 * (1 + math.cos(u * 2 * math.pi * cycles))
    elif scheduler == "COSINE_WITH_HARD_RESTARTS":
      f = 0.5 * (1 + math.cos((u * cycles) % 1 * math.pi))
    elif scheduler == "REX": f = (1 - u) / (0.1 + 0.9 * (1 - u))
    return floor + (1 - floor) * f
  scale = {None: 1, "BATCH": batch, "BOTH": batch * accumulation}[more.get("learning_rate_scaler")]
  peak = rate * math.sqrt(scale)
  rates = [peak * (t / W if t < W else factor(t - W)) for t in range(total)]
  config = dict(training_method="LORA", learning_rate=rate, batch_size=batch, epochs=epochs,
                gradient_accumulation_steps=accumulation, learning_rate_warmup_steps=warmup,
                learning_rate_scheduler=scheduler, learning_rate_cycles=cycles,
                learning_rate_min_factor=floor, **more)
  add("onetrainer", config, images, rates, ranks)


def one_trainer_cases():
  one_trainer(101, epochs=30)
  for name in ("LINEAR", "COSINE", "COSINE_WITH_RESTARTS", "COSINE_WITH_HARD_RESTARTS", "REX"):
    one_trainer(101, scheduler=name, cycles=3.0, warmup=50)
    one_trainer(101, scheduler=name, cycles=2.0, warmup=0.1, floor=0.2, accumulation=4, epochs=40)
  one_trainer(55, scheduler="COSINE", accumulation=3, batch=4, warmup=60)
  one_trainer(55, scheduler="REX", warmup=0, batch=4, learning_rate_scaler="BATCH")
  one_trainer(55, scheduler="COSINE", warmup=10, batch=4, accumulation=2, learning_rate_scaler="BOTH")
  one_trainer(200, scheduler="COSINE", warmup=10, ranks=2)


def axolotl(examples, rate=2e-4, micro=2, accumulation=4, epochs=3, ranks=1, held=0.0, **config):
  """The run has ⌈N·epochs / batch⌉ steps, and the warmup is cut off, not rounded."""
  N = int(examples * (1 - held))
  total = math.ceil(N * epochs / (micro * accumulation * ranks))
  if "warmup_steps" in config: W = config["warmup_steps"]
  elif "warmup_ratio" in config: W = int(config["warmup_ratio"] * total)
  else: W = min(int(0.03 * total), 100)
  if W == 1: W = 2
  floor = config.get("cosine_min_lr_ratio", 0)
  flat = config.get("cosine_constant_lr_ratio", 0)
  name = config.get("lr_scheduler", "cosine")
  def factor(t):
    if name == "rex":
      s = t + 1
      if s <= W: return s / W
      z = (total - s) / (total - W)
      return z / (0.1 + 0.9 * z)
    if t < W:
      return (t / W) ** 2 if config.get("lr_quadratic_warmup") else t / W
    if name == "linear": return (total - t) / (total - W)
    end = int(total * flat) if floor and flat else total
    u = (min(t, end) - W) / (end - W)
    low = 0 if config.get("lr_quadratic_warmup") else floor
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * u))
  keys = dict(base_model="some/model", learning_rate=rate, micro_batch_size=micro,
              gradient_accumulation_steps=accumulation, num_epochs=epochs, val_set_size=held, **config)
  add("axolotl", keys, examples, [rate * factor(t) for t in range(total)], ranks)


def axolotl_cases():
  axolotl(1000)
  axolotl(1000, held=0.05, warmup_ratio=0.1)
  axolotl(1003, warmup_steps=20, lr_scheduler="linear")
  axolotl(1003, warmup_steps=20, cosine_min_lr_ratio=0.1, ranks=2)
  axolotl(1003, warmup_steps=20, cosine_min_lr_ratio=0.1, cosine_constant_lr_ratio=0.8)
  axolotl(1003, warmup_steps=30, lr_quadratic_warmup=True)
  axolotl(1003, warmup_steps=30, lr_scheduler="rex")
  axolotl(300, epochs=1, micro=8)
  axolotl(1003, warmup_steps=1, lr_scheduler="linear")


def main():
  hugging_face_cases()
  kohya_cases()
  one_trainer_cases()
  axolotl_cases()
  OUTPUT.parent.mkdir(exist_ok=True)
  OUTPUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
  print(f"{OUTPUT.name}: {len(cases)} cases, {OUTPUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
  main()
