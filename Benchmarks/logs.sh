#!/usr/bin/env bash
# How long it takes to read long logs, and the most memory that the process has meanwhile (with some
# 40 MB of the test program itself): a table of 1,000,000 rows, an event file of 1,000,000 steps, ten
# runs of 100,000 steps.
set -euo pipefail
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
DESCENT_BENCHMARK=logs swift test -c release --disable-testable-imports --filter LogSpeedTests 2>&1 |
  grep -E "VmHWM|failed|error"
