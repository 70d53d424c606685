// SPDX-License-Identifier: MIT
import { describeMutants } from '../../tools/kernel-words/mutant-suite.ts';
import {
  CONSTANT_INDEX,
  TAIL_CALL_IN_VOID_FUNCTION,
  TAIL_CALL_MAP,
  TAIL_CALLS_AND_CALLS,
} from '../../tools/kernel-words/version-rules.ts';
import { MUTANTS } from './mutants.ts';

describeMutants({
  title: 'mutants of the parser',
  source: new URL('./parser.bpf.c', import.meta.url),
  prog: 'parse_ethernet',
  maps: ['parsed'],
  mutants: MUTANTS,
  // A port that many of the packets go to.
  prepare: (obj) => {
    obj.rodata['echo_port'] = 53;
  },
  different: {
    'a tail call through another map': TAIL_CALL_MAP,
    'a tail call in a function': TAIL_CALL_IN_VOID_FUNCTION,
    'a function before a tail call': TAIL_CALLS_AND_CALLS,
    'a function finds the state': TAIL_CALLS_AND_CALLS,
    'a function finds the header': TAIL_CALLS_AND_CALLS,
    'no NULL check on the state': CONSTANT_INDEX,
  },
});
