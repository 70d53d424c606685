#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles the programs of the comparison again. Needs clang 16 (or CLANG) and libbpf's headers.
set -euo pipefail
cd "$(dirname "$0")"
"${CLANG:-clang-16}" -target bpf -mcpu=v2 -g -O2 -Wall -Werror -I"/usr/include/$(uname -m)-linux-gnu" \
  -fdebug-prefix-map="$PWD"=. -c probe.bpf.c -o probe.bpf.o
"${LLVM_STRIP:-llvm-strip-16}" -g probe.bpf.o
