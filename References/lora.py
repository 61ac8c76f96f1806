"""Adapters of peft on the small models of huggingface.py, and how they train, for the tests of adapters.

Writes Tests/DescentNNTests/Vectors/lora/<case>/: the adapter as peft saves it, with random matrices, and
expected.safetensors: `logits` of the tokens of the base's case; `losses` [20], each before its step, of
torch's AdamW on the adapter alone, and `after/<name>`, the matrices after them. `check DIR` loads adapters
that Descent wrote: DIR/<case>/ must give the logits of the case.
"""

import sys

# This folder's statistics.py is not the standard library's.
sys.path.pop(0)

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

VECTORS = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors"
OUT = VECTORS / "lora"
CASES = {
  "llama": ("llama", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
  "llama-all": ("llama", dict(r=2, lora_alpha=6, target_modules="all-linear", use_rslora=True)),
  "qwen3-pattern": ("qwen3", dict(r=3, lora_alpha=3, target_modules=r".*layers\.1\..*(o|up)_proj",
                                  rank_pattern={"up_proj": 5}, alpha_pattern={"up_proj": 20})),
  "gpt2": ("gpt2", dict(r=4, lora_alpha=4, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)),
}


# Where 1e-2 leads to a loss that torch itself computes with a difference of 1 % in float32.
SLOWER = {"llama-all": 1e-3}


def base(name):
  return AutoModelForCausalLM.from_pretrained(
    VECTORS / "huggingface" / name, dtype=torch.float32, attn_implementation="eager")


def tokens(name):
  return load_file(VECTORS / "huggingface" / name / "expected.safetensors")["tokens"].long()


def write():
  shutil.rmtree(OUT, ignore_errors=True)
  for case, (name, options) in CASES.items():
    torch.manual_seed(5)
    model = get_peft_model(base(name), LoraConfig(**options)).eval()
    with torch.no_grad():
      for key, p in model.named_parameters():
        if "lora_" in key:
          p.copy_(torch.randn(p.shape) * 0.3)
    folder = OUT / case
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    ids = tokens(name)
    expected = {"logits": model(ids).logits.detach()}
    lr = SLOWER.get(case, 1e-2)
    expected["lr"] = torch.tensor(lr)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
    losses = []
    for _ in range(20):
      logits = model(ids).logits
      loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
      losses.append(loss.item())
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()
    expected["losses"] = torch.tensor(losses)
    for key, p in model.named_parameters():
      if "lora_" in key:
        expected["after/" + key.replace(".default", "")] = p.detach()
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = name
    path.write_text(json.dumps(config, indent=2) + "\n")


def check(folder):
  worst = 0.0
  for path in sorted(Path(folder).iterdir()):
    name = CASES[path.name][0]
    logits = PeftModel.from_pretrained(base(name), path).eval()(tokens(name)).logits
    expected = load_file(OUT / path.name / "expected.safetensors")["logits"]
    error = ((logits - expected).abs().max() / expected.abs().max()).item()
    print(f"{path.name:14} {error:.1e}")
    worst = max(worst, error)
  print(json.dumps({"worst": worst}))
  sys.exit(worst > 1e-4)


if __name__ == "__main__":
  check(sys.argv[2]) if sys.argv[1:2] == ["check"] else write()
