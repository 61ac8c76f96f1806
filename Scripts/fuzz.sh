#!/usr/bin/env bash
# Looks for inputs that a reader does not survive: that crash it, take more than a second, or more
# memory than ten times their size and 64 MiB. Coverage guides the search (libFuzzer).
#
#   Scripts/fuzz.sh TARGET|all SECONDS     e.g. all 60: a minute shared by all targets
#   Scripts/fuzz.sh TARGET|all runs=N      N inputs for each target (gzip: a thousandth)
#   Scripts/fuzz.sh TARGET FILE            one input again, such as a fault that was found
#   Scripts/fuzz.sh list                   the targets, after a build like the others' (some minutes)
#
# Inputs that reached new code stay in .build/fuzz/corpus and are where the next search starts;
# faults are left in .build/fuzz/faults. Ends with 1 where there are any.
set -euo pipefail
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
cd "$(dirname "$0")/.."

if [[ $# -lt 1 || ( $1 != list && $# -lt 2 ) ]]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
  exit 64
fi

build=.build/fuzz
mkdir -p "$build"
# gold, the default on Linux, does not link libFuzzer.
flags=(-Xswiftc -sanitize=fuzzer -Xcc -fsanitize=fuzzer-no-link -Xswiftc -enable-testing)
linker=()
if [[ $(uname) == Linux ]]; then
  linker=(-use-ld=lld)
  flags+=(-Xswiftc -use-ld=lld)
fi

# Whether this toolchain has libFuzzer: Apple's does not.
cat > "$build/probe.swift" << 'SWIFT'
@_cdecl("LLVMFuzzerTestOneInput") public func test(_: UnsafeRawPointer?, _: Int) -> Int32 { 0 }
SWIFT
if ! swiftc -parse-as-library -sanitize=fuzzer ${linker[@]+"${linker[@]}"} "$build/probe.swift" \
  -o "$build/probe" > "$build/build.log" 2>&1
then
  echo "this toolchain has no libFuzzer: nothing is fuzzed"
  exit 0
fi

swift build --package-path Fuzz --scratch-path "$build" -c release --product Fuzz "${flags[@]}" \
  > "$build/build.log" 2>&1 || { cat "$build/build.log"; exit 1; }
fuzz=$build/release/Fuzz
if [[ $1 == list ]]; then exec "$fuzz" --list; fi

scratch=$(mktemp -d "$([[ -d /dev/shm && -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/fuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export FUZZ_SCRATCH=$scratch SWIFT_BACKTRACE=enable=no

if [[ -f $2 ]]; then
  "$fuzz" "$1" -timeout=10 "$2"
  exit
fi

targets=$1
[[ $1 == all ]] && targets=$("$fuzz" --list)
if [[ $2 == runs=* ]]; then
  limit=-runs=${2#runs=}
else
  limit=-max_total_time=$((($2 + $(wc -w <<< "$targets") - 1) / $(wc -w <<< "$targets")))
fi

failed=0
for target in $targets; do
  corpus=$build/corpus/$target faults=$build/faults/$target log=$build/$target.log
  mkdir -p "$corpus" "$faults"
  # Unpacking starts a program for each input.
  own=$limit
  if [[ $target == gzip && $2 == runs=* ]]; then own=-runs=$((${2#runs=} / 1000 + 1)); fi
  "$fuzz" "$target" --seeds "$corpus"
  # The limits of an input stand in Limits.swift; these are for the process, and for waiting.
  if "$fuzz" "$target" "$own" -timeout=10 -rss_limit_mb=2048 -detect_leaks=0 \
    -artifact_prefix="$faults/" -print_final_stats=1 "$corpus" > "$log" 2>&1
  then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
  else
    failed=1
    echo "$target: a fault"
    grep -E "Fatal error|ERROR|Test unit written" "$log" || tail -20 "$log"
  fi
done
exit "$failed"
