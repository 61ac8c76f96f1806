"""Loss and gradients of a tiny Vision Transformer, for the tests of the model.

Keys: param/<name>, grad64/<name>, loss64; images, labels. The model is put together from torch's own
layers: Conv2d for the patches and TransformerEncoderLayer (norm_first, GELU) for the blocks, whose
weights have the same layout under other names.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

LAYERS, HEADS, WIDTH, CHANNELS, HEIGHT, COLUMNS, PATCH, CLASSES, BATCH = 2, 2, 8, 3, 4, 6, 2, 5, 3
OUT = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors/vit.safetensors"
BLOCK = {
  "norm1": "ln_1", "self_attn.in_proj_": "attn.c_attn.", "self_attn.out_proj": "attn.c_proj",
  "norm2": "ln_2", "linear1": "mlp.c_fc", "linear2": "mlp.c_proj",
}


class ViT(nn.Module):
  def __init__(self):
    super().__init__()
    self.proj = nn.Conv2d(CHANNELS, WIDTH, PATCH, PATCH)
    self.positions = nn.Parameter(torch.zeros(HEIGHT * COLUMNS // PATCH**2, WIDTH))
    self.blocks = nn.ModuleList(
      nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
      for _ in range(LAYERS))
    self.norm = nn.LayerNorm(WIDTH)
    self.head = nn.Linear(WIDTH, CLASSES)

  def forward(self, x):
    x = self.proj(x).flatten(2).transpose(1, 2) + self.positions
    for block in self.blocks:
      x = block(x)
    return self.head(self.norm(x).mean(1))


def name(torch_name):
  """The name that Descent gives a parameter."""
  for old, new in BLOCK.items():
    torch_name = torch_name.replace("." + old, "." + new)
  for old, new in (("blocks.", "h."), ("proj.", "patches.proj."), ("norm.", "ln_f.")):
    if torch_name.startswith(old):
      torch_name = new + torch_name.removeprefix(old)
  return "patches.wpe.weight" if torch_name == "positions" else torch_name


def main():
  generator = np.random.default_rng(20240602)
  model = ViT().double()
  images = generator.normal(0, 1, (BATCH, CHANNELS, HEIGHT, COLUMNS)).astype(np.float32)
  labels = generator.integers(0, CLASSES, BATCH).astype(np.int32)
  out = {"images": images, "labels": labels}
  for n, p in model.named_parameters():
    # Large enough that no gradient is tiny; gains near 1.
    value = generator.normal("norm" in n and n.endswith("weight"), 0.2, p.shape).astype(np.float32)
    p.data = torch.tensor(value).double()
    shape = (WIDTH, -1) if n == "proj.weight" else p.shape
    out["param/" + name(n)] = value.reshape(shape)
  loss = F.cross_entropy(model(torch.tensor(images).double()), torch.tensor(labels).long())
  loss.backward()
  out["loss64"] = loss.detach().numpy().copy()
  for n, p in model.named_parameters():
    out["grad64/" + name(n)] = p.grad.numpy().reshape(out["param/" + name(n)].shape).copy()
  save_file(out, OUT, {"reference": f"torch {torch.__version__.split('+')[0]}"})
  OUT.chmod(0o644)


if __name__ == "__main__":
  main()
