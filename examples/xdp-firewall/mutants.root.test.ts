// SPDX-License-Identifier: MIT
import { describeMutants } from '../../tools/kernel-words/mutant-suite.ts';
import { KTIME_FOR_GPL, uninitialisedStack } from '../../tools/kernel-words/version-rules.ts';
import { MUTANTS } from './mutants.ts';

describeMutants({
  title: 'mutants of the firewall',
  source: new URL('./firewall.bpf.c', import.meta.url),
  prog: 'firewall',
  maps: ['counters', 'sources'],
  mutants: MUTANTS,
  different: {
    'the value to insert is not initialised': uninitialisedStack(
      /^invalid indirect read from stack off -\d+\+\d+ size 24$/,
    ),
    'the key is not initialised': uninitialisedStack(/^invalid indirect read from stack off -\d+\+0 size 4$/),
    'the stack is read where nothing was written': uninitialisedStack(/^invalid read from stack off -\d+\+0 size 8$/),
    'a GPL-only helper under another licence': KTIME_FOR_GPL,
  },
});
