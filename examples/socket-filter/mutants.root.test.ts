// SPDX-License-Identifier: MIT
import { describeMutants } from '../../tools/kernel-words/mutant-suite.ts';
import { LD_ABS_AND_CALLS } from '../../tools/kernel-words/version-rules.ts';
import { MUTANTS } from './mutants.ts';

describeMutants({
  title: 'mutants of the DNS tap',
  source: new URL('./dns-tap.bpf.c', import.meta.url),
  prog: 'dns_tap',
  maps: ['protocols', 'questions'],
  mutants: MUTANTS,
  different: {
    'loads in a subprogram': LD_ABS_AND_CALLS,
    'a subprogram without loads': LD_ABS_AND_CALLS,
  },
});
