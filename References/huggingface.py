"""Small randomly initialised models of each family in transformers' layout, with their logits, loss and
gradients, for the tests of models that are read from files.

Writes Tests/DescentNNTests/Vectors/huggingface/<case>/: what `save_pretrained` writes, and
expected.safetensors with `tokens` [2, 12], `logits`, `loss` (each token from those before it) and
`grad/<name>`, all computed in float32 from the stored weights. `check DIR` compares models that Descent
wrote with their case: DIR/<case>/ must give the same logits.
"""

import sys

# This folder's statistics.py is not the standard library's.
sys.path.pop(0)

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
  AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config,
)

OUT = Path(__file__).resolve().parent.parent / "Tests/DescentNNTests/Vectors/huggingface"
SIZES = dict(
  vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
  num_key_value_heads=2, max_position_embeddings=16, bos_token_id=1, eos_token_id=2,
)


def llama(**changes):
  return LlamaConfig(**(SIZES | changes))


def rope(kind, **keys):
  return {"rope_type": kind, "rope_theta": 500.0} | keys


CASES = {
  "gpt2": GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=16,
                     resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
  "gpt2-gelu": GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=16, n_inner=24,
                          activation_function="gelu", resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
  "llama": llama(),
  "llama-tied": llama(tie_word_embeddings=True, num_key_value_heads=1, rms_norm_eps=1e-5),
  "llama-biases": llama(attention_bias=True, mlp_bias=True, num_key_value_heads=4),
  "llama-linear": llama(rope_parameters=rope("linear", factor=2.5)),
  "llama-dynamic": llama(max_position_embeddings=8, rope_parameters=rope("dynamic", factor=2.0)),
  "llama-yarn": llama(rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=4)),
  "llama3": llama(rope_parameters=rope("llama3", factor=8.0, low_freq_factor=1.0,
                                       high_freq_factor=4.0, original_max_position_embeddings=8)),
  "mistral": MistralConfig(**SIZES, sliding_window=5, head_dim=6),
  "qwen2": Qwen2Config(**SIZES, tie_word_embeddings=True),
  "qwen2-window": Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=4, max_window_layers=1),
  "qwen3": Qwen3Config(**SIZES, head_dim=6),
}
# How the weights of a case are stored, where not as float32 in one file.
STORED = {"llama-tied": (torch.bfloat16, None), "gpt2-gelu": (torch.float16, None),
          "qwen3": (torch.bfloat16, "6KB")}


def randomize(model):
  """Weights large enough that no logit or gradient is tiny."""
  torch.manual_seed(7)
  with torch.no_grad():
    for name, p in model.named_parameters():
      if "norm" in name or "ln_" in name:
        p.copy_(torch.randn(p.shape) * 0.2 + (0 if name.endswith("bias") else 1))
      else:
        p.copy_(torch.randn(p.shape) * (0.1 if name.endswith("bias") else 0.35))


def tokens():
  return torch.randint(0, 40, (2, 12), generator=torch.Generator().manual_seed(3))


def write():
  shutil.rmtree(OUT, ignore_errors=True)
  for name, config in CASES.items():
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    randomize(model)
    dtype, shard = STORED.get(name, (torch.float32, None))
    folder = OUT / name
    model = model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    # Read anew: the 16 bits have spoilt the frequencies of the positions, which no file has.
    model = AutoModelForCausalLM.from_pretrained(
      folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = tokens()
    logits = model(ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 40), ids[:, 1:].reshape(-1))
    loss.backward()
    expected = {"tokens": ids.to(torch.int32), "logits": logits.detach(), "loss": loss.detach()}
    for key, p in model.named_parameters():
      expected["grad/" + key] = p.grad
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def check(folder):
  worst = 0.0
  for path in sorted(Path(folder).iterdir()):
    expected = load_file(OUT / path.name / "expected.safetensors")
    model, info = AutoModelForCausalLM.from_pretrained(
      path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], (path.name, info)
    logits = model.eval()(expected["tokens"].long()).logits
    error = ((logits - expected["logits"]).abs().max() / expected["logits"].abs().max()).item()
    print(f"{path.name:14} {error:.1e}")
    worst = max(worst, error)
  print(json.dumps({"worst": worst}))
  sys.exit(worst > 1e-4)


if __name__ == "__main__":
  check(sys.argv[2]) if sys.argv[1:2] == ["check"] else write()
