#!/usr/bin/env bash
# Rules that multiply and decompose matrices beside PyTorch and pytorch_optimizer, one matrix of each size: the mean
# of ten steps, so that what is decomposed in one step of ten counts with its share.
#
#   Benchmarks/matrices.sh [SIZE...] [-- OPTION...]      512 1024; options of optimizers.py
#
# After Benchmarks/optimizers.sh, which installs the peers and builds Descent.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
[ -x "${PYTHON:-.venv/bin/python}" ] || { echo "run Benchmarks/optimizers.sh first: it installs the peers" >&2; exit 1; }
sizes=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do sizes+=("$1"); shift; done
[ $# = 0 ] || shift
[ ${#sizes[@]} -gt 0 ] || sizes=(512 1024)
scalable="shampoo-distributed(max_preconditioner_dim=2048,precondition_frequency=10,grafting=sgd,momentum=0.9,nesterov=true)"
for n in "${sizes[@]}"; do
  echo "$n x $n"
  "${PYTHON:-.venv/bin/python}" Benchmarks/optimizers.py --state float32 --shape "${n}x$n" \
    --parameters $((n * n)) --mean 10 "$@" muon soap shampoo "$scalable"
done
