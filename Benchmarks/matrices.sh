#!/usr/bin/env bash
# Rules that multiply and decompose matrices beside PyTorch and pytorch_optimizer, one matrix of each size: the mean
# of 20 steps (of 2 where a step decomposes), so that decompositions in one step of ten count with their share.
#
#   Benchmarks/matrices.sh [SIZE...]        256 512 1024 2048
#
# After Benchmarks/optimizers.sh, which installs the peers and builds Descent.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
scalable="shampoo-distributed(max_preconditioner_dim=2048,precondition_frequency=10,grafting=sgd,momentum=0.9,nesterov=true)"
if [ $# = 0 ]; then set -- 256 512 1024 2048; fi
measure() { # STEPS NAME...
  "$python" Benchmarks/optimizers.py --state float32 --shape "${n}x$n" --parameters $((n * n)) --mean "$@"
}
for n in "$@"; do
  echo "$n x $n"
  measure 20 muon soap "$scalable"
  measure 2 shampoo
done
