#!/usr/bin/env bash
# Training steps, fine-tuning and generation of Descent beside PyTorch on the CPU, eager and compiled:
# Benchmarks/training.sh --help. Needs Python 3.11 or later with venv, a C++ compiler for torch.compile, and a
# network for pip.
set -euo pipefail
cd "$(dirname "$0")/.."
# Help needs nothing of what follows.
case " $* " in *" --help "* | *" -h "*) exec python3 Benchmarks/training.py --help ;; esac
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
.venv/bin/python -c "import torch" 2>/dev/null || .venv/bin/pip install --quiet torch==2.15.0 numpy==2.4.6
swift build -c release --product descent
.venv/bin/python Benchmarks/training.py "$@"
