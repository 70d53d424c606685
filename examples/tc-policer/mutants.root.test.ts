// SPDX-License-Identifier: MIT
import { describeMutants } from '../../tools/kernel-words/mutant-suite.ts';
import {
  HELPER_STACK_BOUNDS,
  KTIME_FOR_GPL,
  REFERENCE_AT_EXIT,
  uninitialisedStack,
  ZERO_SIZE,
} from '../../tools/kernel-words/version-rules.ts';
import { MUTANTS } from './mutants.ts';

describeMutants({
  title: 'mutants of the policer',
  source: new URL('./policer.bpf.c', import.meta.url),
  prog: 'police',
  // Sums over CPUs differ in how they are spread, and buckets hold the time.
  maps: [],
  mutants: MUTANTS,
  different: {
    'the key is not initialised': uninitialisedStack(/^invalid indirect read from stack off -\d+\+\d+ size 16$/),
    'the fresh bucket is half initialised': uninitialisedStack(
      /^invalid indirect read from stack off -\d+\+8 size 16$/,
    ),
    'a socket is looked up and not released': REFERENCE_AT_EXIT,
    'bytes are loaded onto too little stack': HELPER_STACK_BOUNDS,
    'as many bytes are loaded as the packet says': ZERO_SIZE,
    'no bytes are loaded': ZERO_SIZE,
    'the licence is another': KTIME_FOR_GPL,
  },
  // Without new tokens, time does not matter.
  prepare: (obj) => {
    obj.rodata['rate'] = 0n;
    obj.rodata['burst'] = 300n;
  },
});
