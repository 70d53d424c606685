#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles the sources with each clang that is there. The objects are committed; run this after changing the C.
set -eu
cd "$(dirname "$0")"
compile() {
  clang=$1 source=$2 out=$3
  shift 3
  "$clang" -target bpf -O2 -g -Wall -Wno-unused-function -Wno-pragma-once-outside-header "$@" \
    -I/usr/include/x86_64-linux-gnu -fdebug-compilation-dir=. -c "$source.bpf.c" -o "$out.o"
  llvm-strip-16 -g "$out.o"
}
for version in 14 16 19; do
  clang=clang-$version
  command -v "$clang" >/dev/null || { echo "$clang is not there"; continue; }
  for name in types relocs externs sections empty families; do compile "$clang" "$name" "$name.clang$version"; done
  compile "$clang" atomics "atomics.clang$version" -mcpu=v3
  compile "$clang" atomics "fetch.clang$version" -mcpu=v3 -DFETCH
done
compile clang-19 wide wide.clang19 -mcpu=v4
