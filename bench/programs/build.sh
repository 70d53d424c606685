#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles the programs again. Needs clang 16 (or CLANG) and libbpf's headers (Debian: clang-16 libbpf-dev).
set -euo pipefail
cd "$(dirname "$0")"
clang=${CLANG:-clang-16}
for source in *.bpf.c; do
  object=${source%.c}.o
  "$clang" -target bpf -mcpu=v3 -g -O2 -Wall -Werror -I"/usr/include/$(uname -m)-linux-gnu" \
    -fdebug-prefix-map="$PWD"=. -c "$source" -o "$object"
  "${LLVM_STRIP:-llvm-strip-16}" -g "$object"
done
