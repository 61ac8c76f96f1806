"""Training steps of Descent beside PyTorch's on the CPU, of equal models, in alternating rounds.

Run it through training.sh, which installs PyTorch and builds Descent:

  Benchmarks/training.sh                     everything; a model takes up to four minutes
  Benchmarks/training.sh gpt-128 start       some
  --threads N    with so many threads (2)    --rounds N     rounds (3)
  --seconds S    how long a process trains, about (5)       --markdown     the table as documented
  --processor    the processor's time of a step, on all threads, in place of the clock's: where others use it, too

A step is batch, forward, backward, clipping where the recipe clips, and update by AdamW (PyTorch's fused). A
figure is the median over rounds of the fastest step of a process, which other processes disturb least; ± is half
of what lies between the extreme rounds. Memory is the most that a process held. "of PyTorch" is Descent's time
as a share of the better of eager and compiled. "start" is a process from its start to its end, with one step
between; "generate" is a token of greedy text with a key-value cache: Descent's mean on its default threads,
PyTorch's median.
"""

import argparse
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
STORIES = HERE.parent / "Sources/DescentTraining/Resources/text/stories.txt"
GPT2 = {"layers": 6, "heads": 6, "width": 384, "context": 256, "vocabulary": 8192}

# What is trained; both sides take their sizes from here.
MODELS = {
  # nanoGPT's shakespeare-char: "train on a MacBook" (128) beside half of it, and the one for a GPU with
  # fewer sequences a batch and no dropout.
  "gpt-64": {"kind": "gpt", "layers": 4, "heads": 4, "width": 64, "context": 64, "batch": 12},
  "gpt-128": {"kind": "gpt", "layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12},
  "gpt-384": {"kind": "gpt", "layers": 6, "heads": 6, "width": 384, "context": 256, "batch": 4},
  # The networks of vision-cnn and vision-vit on images of their size, and larger ones on those of MNIST's.
  "cnn-8": {"kind": "cnn", "image": 8, "channels": [32, 64], "batch": 64},
  "cnn-28": {"kind": "cnn", "image": 28, "channels": [32, 64], "batch": 64},
  "vit-8": {
    "kind": "vit", "image": 8, "patch": 2, "layers": 3, "heads": 4, "width": 48, "dropout": 0.1, "batch": 64},
  "vit-28": {
    "kind": "vit", "image": 28, "patch": 4, "layers": 4, "heads": 4, "width": 128, "dropout": 0, "batch": 64},
  # LoRA of rank 8 on all linear maps of a model in GPT-2's layout, read from a file.
  "lora": {"kind": "lora", **GPT2, "context": 128, "batch": 4, "rank": 8},
  "generate": {"kind": "generate", **GPT2, "tokens": 200},
  "start": {"kind": "gpt", "layers": 4, "heads": 4, "width": 128, "context": 64, "batch": 12, "steps": 1},
}


def run(command, **environment):
  """A command's output, its seconds, those of the processor, and the most memory that it held, in MB."""
  with tempfile.TemporaryFile("w+") as output:
    start = time.perf_counter()
    process = subprocess.Popen(
      list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    output.seek(0)
    text = output.read()
  if process.returncode != 0:
    sys.exit(f"{' '.join(map(str, command))} failed:\n{text}")
  processor = usage.ru_utime + usage.ru_stime
  return text, seconds, processor, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def write_images(folder, size, count=1920):
  """Noise in MNIST's files, whose labels say no more; in whole batches."""
  noise = random.Random(1)
  for name in ("train", "t10k"):
    with open(folder / f"{name}-images-idx3-ubyte", "wb") as file:
      file.write(struct.pack(">IIII", 0x803, count, size, size) + noise.randbytes(count * size * size))
    with open(folder / f"{name}-labels-idx1-ubyte", "wb") as file:
      labels = bytes(i % 10 for i in range(count))
      file.write(struct.pack(">II", 0x801, count) + labels)


def write_gpt2(folder, sizes):
  """A model of random weights in Hugging Face's layout of GPT-2, whose tokens are bytes."""
  w, noise = sizes["width"], random.Random(1)
  tensors = {"wte.weight": [sizes["vocabulary"], w], "wpe.weight": [sizes["context"], w]}
  for i in range(sizes["layers"]):
    for name, shape in (
      ("ln_1", [w]), ("attn.c_attn", [w, 3 * w]), ("attn.c_proj", [w, w]), ("ln_2", [w]),
      ("mlp.c_fc", [w, 4 * w]), ("mlp.c_proj", [4 * w, w])):
      tensors[f"h.{i}.{name}.weight"], tensors[f"h.{i}.{name}.bias"] = shape, shape[-1:]
  tensors["ln_f.weight"], tensors["ln_f.bias"] = [w], [w]
  header, place, data = {}, 0, []
  values = struct.pack("<4096f", *(noise.gauss(0, 0.02) for _ in range(4096)))
  for name, shape in tensors.items():
    size = 4
    for n in shape:
      size *= n
    header[f"transformer.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
    place += size
    if "ln_" in name:
      data.append(struct.pack("<f", 1.0 if name.endswith("weight") else 0.0) * (size // 4))
    else:
      data.append((values * (size // len(values) + 1))[:size])
  text = json.dumps(header).encode()
  text += b" " * (-len(text) % 8)
  (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
  (folder / "config.json").write_text(json.dumps({
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": sizes["layers"],
    "n_head": sizes["heads"], "n_embd": w, "n_positions": sizes["context"], "resid_pdrop": 0.0,
    "vocab_size": sizes["vocabulary"], "bos_token_id": None, "eos_token_id": None}))
  # The characters that stand for bytes in GPT-2: the printable ones for themselves.
  plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
  others = [b for b in range(256) if b not in plain]
  letters = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}
  byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
  (folder / "tokenizer.json").write_text(json.dumps({
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
    "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
    "model": {"type": "BPE", "vocab": {letters[b]: b for b in range(256)}, "merges": []}}))


def recipe(m, folder, steps, threads):
  kind = m["kind"]
  if kind == "lora":
    model = {"kind": "huggingface", "from": str(folder)}
    data = {"kind": "text", "path": str(STORIES), "context": m["context"]}
  elif kind == "gpt":
    model = {k: m[k] for k in ("kind", "layers", "heads", "width", "context")}
    data = {"kind": "text", "path": str(STORIES), "tokenizer": "char"}
  else:
    model = {k: v for k, v in m.items() if k not in ("image", "batch")}
    data = {"kind": "idx", "path": str(folder)}
  text = {
    "steps": steps, "batch": m["batch"], "threads": threads, "model": model, "data": data,
    "optimizer": {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.99], "weight_decay": 0.1},
    "evaluate": {"every": 0, "batches": 1}, "checkpoint": {"every": 0}}
  if kind != "cnn":
    text["clip"] = {"norm": 1}
  if kind == "lora":
    text["adapter"] = {
      "kind": "lora", "rank": m["rank"], "alpha": m["rank"], "targets": "all-linear"}
  return json.dumps(text)  # which YAML includes


def fastest(seconds):
  """In milliseconds, after the first steps."""
  return 1000 * min(seconds[min(10, len(seconds) // 2):])


class Descent:
  def __init__(self, program, threads, processor):
    self.program, self.threads, self.processor = program, threads, processor

  def process(self, m, folder, steps):
    with tempfile.TemporaryDirectory() as scratch:
      file = Path(scratch) / "recipe.yaml"
      file.write_text(recipe(m, folder, steps, self.threads))
      _, whole, processor, memory = run(
        [self.program, "train", file, "--quiet", "--out", f"{scratch}/run"])
      rows = [json.loads(line) for line in open(f"{scratch}/run/metrics.jsonl")]
    rows = [row for row in rows if "seconds" in row and "loss" in row]
    loss = statistics.mean(row["loss"] for row in rows[-20:])
    return [row["seconds"] for row in rows], whole, processor, memory, loss

  def train(self, m, folder, steps):
    """Milliseconds a step, MB, the mean loss of the last steps, seconds of the process."""
    seconds, whole, processor, memory, loss = self.process(m, folder, steps)
    time = fastest(seconds)
    if self.processor and steps > 2:
      # What a process of two steps takes is not that of the others.
      time = 1000 * (processor - self.process(m, folder, 2)[2]) / (steps - 2)
    return time, memory, loss, whole

  def generate(self, m, folder):
    """The difference between a long and a short text: reading the model does not count."""
    def sample(tokens):
      return run([self.program, "sample", "--model", folder, "--prompt", "x" * 16, "--temperature", "0",
                  "--tokens", tokens])
    kind = 2 if self.processor else 1
    short, long = sample(8), sample(8 + m["tokens"])
    return 1000 * (long[kind] - short[kind]) / m["tokens"], long[3], None, long[1]


class PyTorch:
  def __init__(self, mode, threads, processor, cache):
    self.mode, self.threads, self.processor, self.cache = mode, threads, processor, cache

  def train(self, m, folder, steps):
    command = [sys.executable, HERE / "training_peer.py", json.dumps(m), "--mode", self.mode]
    command += ["--steps", steps, "--threads", self.threads, "--text", STORIES]
    output, whole, _, memory = run(command, TORCHINDUCTOR_CACHE_DIR=self.cache)
    result = json.loads(output.splitlines()[-1])
    seconds = result["seconds"]
    time = 1000 * statistics.median(seconds) if m["kind"] == "generate" else fastest(seconds)
    if self.processor:
      time = 1000 * result["processor"]
    return time, memory, result.get("loss"), whole

  def generate(self, m, folder):
    return self.train(m, folder, m["tokens"])


def measure(name, a, folder):
  m = MODELS[name]
  if "image" in m:
    write_images(folder, m["image"])
  elif m["kind"] in ("lora", "generate"):
    write_gpt2(folder, GPT2)
  sides = {"Descent": Descent(a.descent, a.threads, a.processor)}
  for mode in ("eager", "compiled"):
    sides[mode] = PyTorch(mode, a.threads, a.processor, str(folder / "inductor"))
  steps = m.get("steps")
  if m["kind"] != "generate" and not steps:
    # As many as the slower side does in the time that is given.
    first = sides["eager"].train(m, folder, 12)[0]
    steps = min(400, max(8, round(1000 * a.seconds / first)))
  found = defaultdict(list)
  for _ in range(a.rounds):
    for side, program in sides.items():
      if m["kind"] == "generate":
        found[side].append(program.generate(m, folder))
      else:
        found[side].append(program.train(m, folder, steps))
  rows = {}
  for side, results in found.items():
    # Of a single step the time is that of the process.
    times = [1000 * r[3] if name == "start" else r[0] for r in results]
    rows[side] = {
      "time": statistics.median(times), "spread": (max(times) - min(times)) / 2,
      "memory": max(r[1] for r in results), "loss": results[0][2]}
  return rows


def number(x):
  return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument("--descent", default=HERE.parent / ".build/release/descent", type=Path)
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--seconds", type=float, default=5)
  parser.add_argument("--processor", action="store_true")
  parser.add_argument("--markdown", action="store_true")
  parser.add_argument("names", nargs="*", metavar="model", help=f"of {', '.join(MODELS)}; all by default")
  a = parser.parse_args()
  for name in a.names:
    if name not in MODELS:
      parser.error(f"there is no model {name}; there are {', '.join(MODELS)}")
  a.descent = a.descent.resolve()

  sides = ("Descent", "eager", "compiled")
  heading = ["model", "Descent ms", "eager ms", "compiled ms", "of PyTorch", "MB: Descent, eager, compiled"]
  if a.markdown:
    print("| " + " | ".join(heading) + " |\n|" + "---|" * len(heading))
  else:
    print(f"{heading[0]:10}" + "".join(f"{h:>16}" for h in heading[1:5]) + f"{heading[5]:>32}")
  for name in a.names or MODELS:
    with tempfile.TemporaryDirectory() as folder:
      rows = measure(name, a, Path(folder))
    share = rows["Descent"]["time"] / min(rows["eager"]["time"], rows["compiled"]["time"])
    cells = [name] + [f"{number(rows[s]['time'])} ±{number(rows[s]['spread'])}" for s in sides]
    cells += [f"{share:.2f}x", ", ".join(f"{rows[s]['memory']:.0f}" for s in sides)]
    if a.markdown:
      print("| " + " | ".join(cells) + " |", flush=True)
    else:
      line = f"{cells[0]:10}" + "".join(f"{c:>16}" for c in cells[1:5]) + f"{cells[5]:>32}"
      losses = [rows[s]["loss"] for s in sides if rows[s]["loss"] is not None]
      print(line + "   losses " + " ".join(f"{x:.3f}" for x in losses), flush=True)


if __name__ == "__main__":
  main()
