#!/usr/bin/env bash
# Tries the loops of CDescentKernels on processors that are not here, in QEMU's user mode: those of arm64 (NEON)
# against those of this machine, and AVX2's where it lacks them. Bits that are promised must be the same.
#
#   Scripts/other-processors.sh
#
# Needs clang (Swift's will do) and, from Debian: qemu-user libc6-dev-arm64-cross libgcc-12-dev-arm64-cross lld.
# QEMU has no AVX-512: those loops run where a processor has them.
set -euo pipefail
case " $* " in *" --help "* | *" -h "*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
if ! command -v clang >/dev/null; then
  echo "skipped: there is no clang"
  exit 0
fi
build=.build/other-processors
mkdir -p "$build"

compile() {  # OUTPUT [FLAG...]
  local output=$1
  shift
  clang "$@" -O2 -Wall -Wextra -Werror -ISources/CDescentKernels/include \
    Sources/CDescentKernels/*.c Tests/Kernels/kernels.c -o "$build/$output" -lm -lpthread -ldl
}

compile here
"$build/here" write "$build/results"
echo "here:"
"$build/here" check "$build/results"

if [[ $(uname -m) == x86_64 ]] && command -v qemu-x86_64 >/dev/null && ! grep -qw avx2 /proc/cpuinfo; then
  echo "QEMU, x86-64 with AVX2:"
  qemu-x86_64 -cpu max "$build/here" check "$build/results"
fi

cross=/usr/aarch64-linux-gnu
libgcc=$(ls -d /usr/lib/gcc-cross/aarch64-linux-gnu/* 2>/dev/null | sort -V | tail -1 || true)
if [[ $(uname -m) == aarch64 ]] || ! command -v qemu-aarch64 >/dev/null || [[ ! -d $cross || -z $libgcc ]]; then
  echo "arm64 is skipped: QEMU or its libraries are missing"
  exit 0
fi
compile arm64 --target=aarch64-linux-gnu -fuse-ld=lld -isystem "$cross/include" \
  -L"$cross/lib" -B"$cross/lib" -L"$libgcc" -B"$libgcc"
echo "QEMU, arm64:"
qemu-aarch64 -L "$cross" "$build/arm64" check "$build/results"
