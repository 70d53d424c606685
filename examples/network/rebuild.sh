#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles the example again. Needs clang 16 (or CLANG) and libbpf's headers (Debian: clang-16 libbpf-dev).
set -euo pipefail
cd "$(dirname "$0")"
clang=${CLANG:-clang-16}
"$clang" -target bpf -mcpu=v2 -g -O2 -Wall -Werror -I"/usr/include/$(uname -m)-linux-gnu" \
  -fdebug-prefix-map="$PWD"=. -c forward.bpf.c -o forward.bpf.o
"${LLVM_STRIP:-llvm-strip-16}" -g forward.bpf.o
