// SPDX-License-Identifier: MIT
// Where the verifier of the running kernel (6.x) answers otherwise than that of 5.6, and by which rule.

/** Offsets are the compiler's business. */
export interface Answer {
  readonly errno: string;
  readonly message: RegExp;
}

/** A rule that changed after 5.6, with what 5.6 answers and what is answered today. */
export interface VersionRule extends Answer {
  readonly rule: string;
  readonly today: Answer;
}

const accepted: Answer = { errno: '', message: /^$/ };

export const uninitialisedStack = (message: RegExp): VersionRule => ({
  rule: 'since 6.3 a privileged program may read uninitialised stack',
  errno: 'EACCES',
  message,
  today: accepted,
});

export const KTIME_FOR_GPL: VersionRule = {
  rule: 'ktime_get_ns needs a GPL-compatible licence before 5.8',
  errno: 'EINVAL',
  message: /^cannot call GPL-restricted function from non-GPL compatible program$/,
  today: accepted,
};

export const REFERENCE_AT_EXIT: VersionRule = {
  rule: 'since 6.13 a message about the exit follows those about each reference that is not released',
  errno: 'EINVAL',
  message: /^Unreleased reference id=\d+ alloc_insn=\d+$/,
  today: { errno: 'EINVAL', message: /^BPF_EXIT instruction in main prog would lead to reference leak$/ },
};

export const HELPER_STACK_BOUNDS: VersionRule = {
  rule: 'since 5.12 a helper that leaves the stack is worded, and since 6.10 also numbered, as a direct access',
  errno: 'EACCES',
  message: /^invalid stack type R\d off=-?\d+ access_size=-?\d+$/,
  today: { errno: 'EINVAL', message: /^invalid (read from|write to) stack R\d off=-?\d+ size=\d+$/ },
};

export const ZERO_SIZE: VersionRule = {
  rule: 'since 6.8 a size that may be 0 is refused as such, before the memory is looked at',
  errno: 'EACCES',
  message: /^invalid stack type R\d off=-?\d+ access_size=0$/,
  today: { errno: 'EACCES', message: /^R\d invalid zero-sized read: u64=\[0,\d+\]$/ },
};

export const LD_ABS_AND_CALLS: VersionRule = {
  rule: 'since 5.10 programs with LD_ABS and LD_IND may have functions',
  errno: 'EINVAL',
  message: /^BPF_LD_\[ABS\|IND\] instructions cannot be mixed with bpf-to-bpf calls$/,
  today: accepted,
};

export const TAIL_CALLS_AND_CALLS: VersionRule = {
  rule: 'since 5.10 programs with tail calls may have functions',
  errno: 'EINVAL',
  message: /^tail_calls are not allowed in programs with bpf-to-bpf calls$/,
  today: accepted,
};

export const TAIL_CALL_IN_VOID_FUNCTION: VersionRule = {
  ...TAIL_CALLS_AND_CALLS,
  rule: 'since 5.10 functions may have tail calls, those that return an int',
  today: { errno: 'EINVAL', message: /^tail_call is only allowed in functions that return 'int'\.$/ },
};

export const TAIL_CALL_MAP: VersionRule = {
  rule: 'since 6.10 a tail call through a map of another type is worded as such',
  errno: 'EINVAL',
  message: /^kernel subsystem misconfigured verifier$/,
  // That message has no newline: the figures follow it on the same line.
  today: { errno: 'EINVAL', message: /^expected prog array map for tail call/ },
};

export const CONSTANT_INDEX: VersionRule = {
  rule: 'since 6.14 the lookup of an array at a constant index within it cannot be NULL',
  errno: 'EACCES',
  message: /^R\d invalid mem access 'map_value_or_null'$/,
  today: accepted,
};
