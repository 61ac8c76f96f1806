"""What PyTorch's GradScaler does over a sequence of steps, some of which overflow.

Keys: gradients (T, 4; of the unscaled loss, float32; those of an overflowing step are infinite), scale (T + 1;
before each step and after the last), successes (T + 1), weights (T + 1, 4). The order is that of a training
loop: scale, unscale_, clip_grad_norm_, step, update; the optimizer is AdamW.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "Tests/DescentTests/Vectors/grad-scaler.safetensors"
STEPS = 24
OVERFLOWS = {0, 1, 2, 6, 12, 13, 19}


def main():
  generator = np.random.default_rng(5)
  w = torch.nn.Parameter(torch.tensor(generator.standard_normal(4).astype(np.float32)))
  optimizer = torch.optim.AdamW([w], lr=0.05, weight_decay=0.1)
  scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_factor=3.0, backoff_factor=0.25, growth_interval=3)
  gradients, scales, successes, weights = [], [], [], []
  for t in range(STEPS):
    g = generator.standard_normal(4).astype(np.float32)
    if t in OVERFLOWS:
      g[t % 4] = np.inf
    scales.append(scaler.get_scale())
    successes.append(scaler._get_growth_tracker())
    weights.append(w.detach().numpy().copy())
    scaler.scale(torch.zeros(()))  # creates the scale
    w.grad = torch.tensor(g) * scaler.get_scale()
    scaler.unscale_(optimizer)
    if not np.isinf(g).any():
      torch.nn.utils.clip_grad_norm_([w], 1.5)
    scaler.step(optimizer)
    scaler.update()
    gradients.append(g)
  scales.append(scaler.get_scale())
  successes.append(scaler._get_growth_tracker())
  weights.append(w.detach().numpy().copy())
  tensors = {
    "gradients": np.array(gradients), "scale": np.array(scales, np.float32),
    "successes": np.array(successes, np.int32), "weights": np.array(weights),
  }
  save_file(tensors, OUT, {"reference": f"torch {torch.__version__.split('+')[0]}"})
  OUT.chmod(0o644)


if __name__ == "__main__":
  main()
