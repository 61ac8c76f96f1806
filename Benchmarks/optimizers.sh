#!/usr/bin/env bash
# Every optimizer and format of state beside PyTorch (eager, fused, compiled), optax, bitsandbytes, torchao,
# DeepSpeed's Adam, lion-pytorch, prodigyopt, schedulefree, transformers and pytorch_optimizer, in one run:
# Benchmarks/optimizers.sh --help. Needs Python 3.11 or later with venv, and a network for pip.
set -euo pipefail
cd "$(dirname "$0")/.."
# Help needs nothing of what follows.
case " $* " in *" --help "* | *" -h "*) exec python3 Benchmarks/optimizers.py --help ;; esac
packages="torch==2.15.0 numpy==2.4.6 lion-pytorch==0.2.5 prodigyopt==1.1.2 bitsandbytes==0.50.2
  schedulefree==1.4.1 pytorch_optimizer==4.1.0 optax==0.2.8 jax==0.10.2 torchao==0.18.0 transformers==5.24.0
  deepspeed==0.19.8"
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
if [ "$(cat .venv/optimizers 2>/dev/null)" != "$packages" ]; then
  # One by one: what does not install here is left out, and said by the table.
  for package in $packages; do .venv/bin/pip install --quiet "$package" || echo "without $package"; done
  echo "$packages" > .venv/optimizers
fi
swift build -c release --product descent
.venv/bin/python Benchmarks/optimizers.py "$@"
