// SPDX-License-Identifier: MIT

/**
 * Where other subsystems meet cgroup programs: `net` asks before a packet, a bind or a connect proceeds. Without the
 * cgroup subsystem everything is allowed.
 */
export interface CgroupHooks {
  /** Whether any program is effective for the cgroup and attach type. */
  enabled(cgroupId: bigint, attachType: number): boolean;
  /**
   * Runs the effective programs over a kernel-side context; the result is the AND of their verdicts (1 with none), or
   * for egress the combined value.
   */
  run(cgroupId: bigint, attachType: number, ctxOff: number): number;
  /** Id of the cgroup that new sockets of the task belong to. */
  currentCgroupId(): bigint;
  /** The id of the ancestor of `cgroupId` at `level`; 0n where there is none. */
  ancestorId(cgroupId: bigint, level: number): bigint;
}
