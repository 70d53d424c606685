// SPDX-License-Identifier: MIT
// The running kernel refuses it too, with the same errno and message.
import { describeMutants } from '../../tools/kernel-words/mutant-suite.ts';

describeMutants({
  title: 'the rejected program',
  source: new URL('./options.bpf.c', import.meta.url),
  prog: 'smallest_mss',
  maps: [],
  mutants: [],
  different: {},
});
