// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN of flow dissectors. @see net/bpf/test_run.c, bpf_prog_test_run_flow_dissector
import { EINVAL, ENOMEM, type TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { dissect, dissectorPlace, KEYS_SIZE } from '../flow/dissect.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';
import { callFentryTargets } from './fentry-targets.ts';
import { finishRun, meanNs } from './run.ts';
import { readCtx, writeCtx } from './skb-ctx.ts';

const PAGE_SIZE = 4096;
const FLAGS = 48;

/**
 * Runs a flow dissector over a frame that is no sk_buff's. The data handed back are the flow keys.
 * @errno EINVAL less data than an Ethernet header or more than a page; a context that says more than flags
 * @errno E2BIG a context that is too long
 */
export function testRunFlowDissector(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number {
  const bytes = attr.data_in ?? new Uint8Array(0);
  if (bytes.length < ETH_HLEN || bytes.length > PAGE_SIZE) return -EINVAL;
  const fentry = callFentryTargets(kernel.text);
  if (fentry < 0) return fentry;
  const user = readCtx(attr, KEYS_SIZE);
  if (typeof user === 'number') return user;
  const other = user?.some((byte, at) => byte !== 0 && (at < FLAGS || at >= FLAGS + 4)) ?? false;
  if (other) return -EINVAL;
  const flags = user === undefined ? 0 : new DataView(user.buffer).getUint32(FLAGS, true);

  const { mem } = kernel;
  const { length: lenBytes } = bytes;
  const data = mem.alloc(lenBytes, { kind: 'packet', align: 64 });
  const place = data === 0 ? undefined : dissectorPlace(kernel, { data, lenBytes });
  try {
    if (place === undefined) return -ENOMEM;
    mem.writeBytes(data, bytes);
    const input = { nhoff: ETH_HLEN, lenBytes, proto: mem.read16(data + ETH_HLEN - 2), flags };
    const repeat = attr.repeat || 1;
    const start = kernel.env.ktimeNs();
    let found = false;
    for (let i = 0; i < repeat; i++) found = dissect(kernel, prog, place, input);
    const duration = meanNs(kernel.env.ktimeNs() - start, repeat);
    const keys = mem.readBytes(place.keys, KEYS_SIZE);
    const err = finishRun(kernel, attr, { data: keys, retval: found ? 1 : 0, duration });
    return err === 0 ? writeCtx(attr, user) : err;
  } finally {
    place?.free();
    if (data !== 0) mem.free(data);
  }
}
