// SPDX-License-Identifier: MIT
export { vmlinuxBtf } from './vmlinux-btf.ts';
