// SPDX-License-Identifier: MIT
export { cgroupProgTypes } from './rows.ts';
export { cgroupRegistries } from './registries.ts';
export { Cgroups, cgroupsOf } from './cgroups.ts';
export type { Cgroup } from './tree/cgroup.ts';
export { CGROUP_MOUNT } from './tree/path.ts';
export type { CgroupFile } from './tree/cgroup-file.ts';
export type { Attachment, AttachList } from './attach/attachment.ts';
export type { CgroupStorage, StoragePair } from './storage/storage.ts';
export type { Decision } from './run/decision.ts';
export { SimTask, type TaskOptions } from './world/task.ts';
export { SysctlFile } from './sysctl/file.ts';
export { Sysctls, type Sysctl, type SysctlOptions } from './sysctl/sysctls.ts';
export type { SysctlKind, SysctlValue } from './sysctl/handler.ts';
