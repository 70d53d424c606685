#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles the sources that need each other, and links them with bpftool. The objects are committed.
set -eu
cd "$(dirname "$0")"
for name in one two three; do
  clang-16 -target bpf -mcpu=v3 -O2 -g -I/usr/include/x86_64-linux-gnu -fdebug-compilation-dir=. -c "$name.bpf.c" -o "$name.o"
  llvm-strip-16 -g "$name.o"
done
bpftool gen object one-two.o one.o two.o
