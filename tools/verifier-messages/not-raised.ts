// SPDX-License-Identifier: MIT

const FRAGMENT = 'too short to be told apart from other texts; goldens of whole logs check it';
const KERNEL_BUG = 'Linux guards against a bug of its own; no program can get there';
const ROW_BUG = 'a defect of a row (program type, map type, helper): an InternalError here';
const CHECKED_BEFORE = 'an earlier pass has refused every program that could get there';

/**
 * Rows of messages.tsv that no source raises, with the reason. A row that is listed and raised all the same is an error
 * of the list.
 */
export const NOT_RAISED: Readonly<Record<string, string>> = {
  // Pieces of lines.
  'verifier.c:358': FRAGMENT,
  'verifier.c:1513': FRAGMENT,
  'verifier.c:1981': FRAGMENT,
  'verifier.c:2086': FRAGMENT,
  'verifier.c:2966': FRAGMENT,
  'verifier.c:6542': FRAGMENT,
  'verifier.c:6562': FRAGMENT,
  'verifier.c:6563': FRAGMENT,
  'verifier.c:7576': FRAGMENT,
  'verifier.c:7837': FRAGMENT,
  'verifier.c:7849': FRAGMENT,
  'verifier.c:7853': FRAGMENT,
  'verifier.c:7854': FRAGMENT,
  'verifier.c:9694': FRAGMENT,
  'verifier.c:9696': FRAGMENT,
  'verifier.c:9698': FRAGMENT,
  'btf.c:1939': FRAGMENT,
  'btf.c:2608': FRAGMENT,
  'btf.c:2612,2620': FRAGMENT,
  'btf.c:2624': FRAGMENT,
  'btf.c:2628': FRAGMENT,

  // The analysis.
  'verifier.c:1087': KERNEL_BUG,
  'verifier.c:2099': KERNEL_BUG,
  'verifier.c:3466': KERNEL_BUG,
  'verifier.c:3501': ROW_BUG,
  'verifier.c:3525': ROW_BUG,
  'verifier.c:3543': ROW_BUG,
  'verifier.c:3558': ROW_BUG,
  'verifier.c:3974': CHECKED_BEFORE,
  'verifier.c:3981': KERNEL_BUG,
  'verifier.c:4132': ROW_BUG,
  'verifier.c:4241': ROW_BUG,
  'verifier.c:4251': ROW_BUG,
  'verifier.c:4335': ROW_BUG,
  'verifier.c:4361': ROW_BUG,
  'verifier.c:4391': 'stack traces need no buffers of their own here',
  'verifier.c:4394': 'the simulated kernel has CONFIG_PERF_EVENTS',
  'verifier.c:5181': KERNEL_BUG,
  'verifier.c:5186': KERNEL_BUG,
  'verifier.c:6258': KERNEL_BUG,
  'verifier.c:6305': ROW_BUG,
  'verifier.c:7796': CHECKED_BEFORE,

  // Passes and rewrites.
  'verifier.c:6543': CHECKED_BEFORE,
  'verifier.c:6570': KERNEL_BUG,
  'verifier.c:6680': KERNEL_BUG,
  'verifier.c:8770': ROW_BUG,
  'verifier.c:8776': ROW_BUG,
  'verifier.c:8882': KERNEL_BUG,
  'verifier.c:9060': 'both engines compile every function',
  'verifier.c:9210': 'LD_ABS and LD_IND are not expanded: engines have them',
  'verifier.c:9319': 'direct tail calls need no table that could be full',
  'verifier.c:9381': ROW_BUG,
  'verifier.c:9471': ROW_BUG,
  'verifier.c:9485': KERNEL_BUG,
  'verifier.c:9491': 'direct tail calls need no table that could be full',
  'verifier.c:9798': 'every name offset of a loaded BTF is valid; an anonymous type has the empty name',
  'verifier.c:10026': 'the simulated kernel opens its BTF when it is created',

  // BTF at program load.
  'btf.c:3524': 'context types come from rows; the same words are raised for helper arguments',
  'btf.c:3542': 'every name offset of a loaded BTF is valid; an anonymous type has the empty name',
  'btf.c:3557': ROW_BUG,
  'btf.c:3985': 'helpers are known by name',
  'btf.c:4054': KERNEL_BUG,
  'btf.c:4312': CHECKED_BEFORE,
  'btf.c:4320': CHECKED_BEFORE,
  'btf.c:4403': CHECKED_BEFORE,
  'btf.c:4412': CHECKED_BEFORE,
  'btf.c:4431': CHECKED_BEFORE,
};
