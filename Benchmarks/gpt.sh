#!/usr/bin/env bash
# A small GPT in Descent and in PyTorch, side by side: Benchmarks/gpt.sh [--iterations 2000] ...
# Needs Python 3.11 or later with venv and a network for pip.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c "import torch" 2>/dev/null; then
  python3 -m venv .venv
  .venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
fi
swift build -c release --product descent
.venv/bin/python Benchmarks/gpt.py "$@"
