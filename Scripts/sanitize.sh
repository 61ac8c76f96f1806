#!/usr/bin/env bash
# Runs the tests under a sanitizer: address, undefined or thread. Each has a build of its own, in
# .build-<name>; what follows is for `swift test`, such as --filter DescentTests.
#
#   Scripts/sanitize.sh thread --filter DescentTests
set -euo pipefail
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
cd "$(dirname "$0")/.."

name=${1:-}
case $name in
  address | undefined | thread) shift ;;
  *)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"
    exit 64
    ;;
esac

# The first report ends the run. What the system's libraries keep until the end is no leak, and the
# one empty array that all of Swift shares is written with the zero that it holds.
build=.build-$name
mkdir -p "$build"
echo "race:_swiftEmptyArrayStorage" > "$build/suppressions"
export ASAN_OPTIONS=detect_leaks=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/$build/suppressions
exec swift test -c release --disable-testable-imports \
  --sanitize "$name" --scratch-path "$build" "$@"
