#!/usr/bin/env bash
# Every optimizer and format of state beside PyTorch, lion-pytorch, prodigyopt and bitsandbytes, in
# one run: Benchmarks/optimizers.sh [--rounds 3] [--parameters 16777216] [OPTIMIZER ...]
# Needs Python 3.11 or later with venv and a network for pip.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c "import torch, bitsandbytes, lion_pytorch, prodigyopt" 2>/dev/null; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6 lion-pytorch==0.2.5 prodigyopt==1.1.2 bitsandbytes==0.50.2
fi
swift build -c release --product descent
.venv/bin/python Benchmarks/optimizers.py "$@"
