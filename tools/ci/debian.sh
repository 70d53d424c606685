#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that the root-only suite can use, where this is a Debian and we are root. Never fails:
# tests that miss something skip with a reason.
set -uo pipefail
cd "$(dirname "$0")/../.."

wanted=(clang-14 clang-16 clang-19 llvm-16 bpftool libbpf-dev libc6-dev linux-libc-dev xdp-tools libbpf-tools iproute2)
# The large ones only where a test asks for them.
if grep -rqi chromium --include='*.test.ts' packages/*/src examples tools 2>/dev/null; then wanted+=(chromium); fi
if grep -rq linux-source --include='*.root.test.ts' packages/*/src examples tools 2>/dev/null; then wanted+=(linux-source-6.1); fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "not installed: needs root and apt"
  exit 0
fi
missing=()
for package in "${wanted[@]}"; do
  # shellcheck disable=SC2016
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
  echo "all there: ${wanted[*]}"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
timeout 180 apt-get update -qq </dev/null || echo "apt-get update failed; trying with the lists that are there"
known=()
for package in "${missing[@]}"; do
  if apt-cache show "$package" >/dev/null 2>&1; then known+=("$package"); else echo "this Debian has no $package"; fi
done
[ ${#known[@]} = 0 ] && exit 0
install() { timeout 600 apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null; }
echo "installing ${known[*]}"
if ! install "${known[@]}"; then
  for package in "${known[@]}"; do install "$package" || echo "could not install $package"; done
fi
exit 0
