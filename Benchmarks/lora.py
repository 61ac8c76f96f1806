"""LoRA fine-tuning and generation with a Llama-shaped model of 100 million weights: Descent beside
transformers and peft, interleaved.

    python3 -m venv .venv && .venv/bin/pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2
    swift build -c release --product descent
    .venv/bin/python Benchmarks/lora.py .build/release/descent [--threads 2] [--rounds 3]

The weights are random, stored as bfloat16; both compute in float32 on the same tokens' count (2 windows of
256 a step, rank 8 on queries and values, AdamW, clipping). Descent maps the file and widens weights while
products pack them. Prints tokens a second (medians), and the most memory of each process.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH, WINDOW, STEPS, NEW = 2, 256, 8, 128
RECIPE = """
steps: {steps}
batch: {batch}
threads: {threads}
model: {{kind: huggingface, from: {model}}}
data: {{kind: text, path: {text}, context: {window}}}
adapter: {{kind: lora, rank: 8, alpha: 8, targets: [q_proj, v_proj]}}
optimizer: {{name: adamw, lr: 1e-4}}
clip: {{norm: 1}}
evaluate: {{batches: 1}}
"""


def make(folder):
  """A model whose tokenizer has a token for each byte."""
  import torch
  from tokenizers import Tokenizer, decoders, models, pre_tokenizers
  from transformers import LlamaConfig, LlamaForCausalLM
  torch.manual_seed(1)
  config = LlamaConfig(
    vocab_size=32000, hidden_size=768, intermediate_size=2048, num_hidden_layers=12,
    num_attention_heads=12, num_key_value_heads=4, max_position_embeddings=2048,
    tie_word_embeddings=True, bos_token_id=None, eos_token_id=None)
  model = LlamaForCausalLM(config).to(torch.bfloat16)
  print(f"{sum(p.numel() for p in model.parameters()):,} weights")
  model.save_pretrained(folder)
  alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
  tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
  tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  tokenizer.decoder = decoders.ByteLevel()
  tokenizer.save(str(Path(folder) / "tokenizer.json"))
  return model.num_parameters()


def child(mode, folder, threads):
  """One measurement with transformers, in a process of its own."""
  import torch
  from transformers import AutoModelForCausalLM
  torch.set_num_threads(threads)
  model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
  if mode == "train":
    from peft import LoraConfig, get_peft_model
    model = get_peft_model(
      model, LoraConfig(r=8, lora_alpha=8, target_modules=["q_proj", "v_proj"])).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    times = []
    for _ in range(STEPS):
      ids = torch.randint(0, 256, (BATCH, WINDOW + 1))
      start = time.perf_counter()
      logits = model(ids[:, :-1]).logits
      loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
      optimizer.zero_grad()
      loss.backward()
      torch.nn.utils.clip_grad_norm_(parameters, 1.0)
      optimizer.step()
      times.append(time.perf_counter() - start)
    rate = BATCH * WINDOW / statistics.median(times[1:])
  else:
    model.eval()
    ids = torch.randint(0, 256, (1, 32))
    keys = dict(do_sample=False, pad_token_id=0)
    with torch.no_grad():
      model.generate(ids, max_new_tokens=8, min_new_tokens=8, **keys)
      start = time.perf_counter()
      model.generate(ids, max_new_tokens=NEW, min_new_tokens=NEW, **keys)
    rate = NEW / (time.perf_counter() - start)
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  print(json.dumps({"rate": rate, "MB": peak}))


def run(command):
  """The output, the wall time and the peak memory of a process."""
  start = time.perf_counter()
  process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  output, errors = process.communicate()
  seconds = time.perf_counter() - start
  if process.returncode:
    sys.exit(f"{' '.join(map(str, command))} failed:\n{errors}")
  return output, seconds


def descent_train(descent, folder, recipe, out):
  """By GNU time's view of the process: Linux reports the peak of the largest child only once."""
  pid = os.fork()
  if pid == 0:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.execv(descent, [descent, "train", recipe, "--out", out, "--quiet"])
  _, status, usage = os.wait4(pid, 0)
  if status:
    sys.exit("descent train failed")
  lines = [json.loads(line) for line in open(Path(out) / "metrics.jsonl")]
  seconds = [line["seconds"] for line in lines if "seconds" in line and "loss" in line]
  return BATCH * WINDOW / statistics.median(seconds[1:]), usage.ru_maxrss / 1024


def descent_generate(descent, folder):
  """The difference between a long and a short text: loading counts in neither tool."""
  def seconds(count):
    return run([descent, "sample", "--model", folder, "--prompt", "x" * 32, "--temperature", "0",
                "--tokens", str(count)])[1]
  return NEW / (seconds(NEW + 8) - seconds(8))


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("descent")
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--rounds", type=int, default=3)
  options = parser.parse_args()
  descent = str(Path(options.descent).resolve())
  with tempfile.TemporaryDirectory() as scratch:
    folder, text = str(Path(scratch) / "model"), Path(scratch) / "text.txt"
    make(folder)
    text.write_text("The quick brown fox jumps over the lazy dog. " * 2000)
    recipe = Path(scratch) / "recipe.yaml"
    recipe.write_text(RECIPE.format(
      steps=STEPS, batch=BATCH, window=WINDOW, threads=options.threads, model=folder, text=text))
    rates = {"train": ([], []), "generate": ([], [])}
    memory = ([], [])
    for round in range(options.rounds):
      rate, peak = descent_train(descent, folder, str(recipe), f"{scratch}/run-{round}")
      rates["train"][0].append(rate)
      memory[0].append(peak)
      other = [sys.executable, __file__, "--child"]
      found = json.loads(run(other + ["train", folder, str(options.threads)])[0].splitlines()[-1])
      rates["train"][1].append(found["rate"])
      memory[1].append(found["MB"])
      rates["generate"][0].append(descent_generate(descent, folder))
      found = json.loads(run(other + ["generate", folder, str(options.threads)])[0].splitlines()[-1])
      rates["generate"][1].append(found["rate"])
    for name, (own, theirs) in rates.items():
      own, theirs = statistics.median(own), statistics.median(theirs)
      print(f"{name:9} descent {own:7.1f} tokens/s   transformers {theirs:7.1f}   "
            f"{own / theirs:.2f} times as fast")
    print(f"train     descent {max(memory[0]):7.0f} MB         peft {max(memory[1]):15.0f} MB")


if __name__ == "__main__":
  if sys.argv[1:2] == ["--child"]:
    child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
  else:
    main()
