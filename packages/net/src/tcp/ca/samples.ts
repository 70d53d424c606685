// SPDX-License-Identifier: MIT
// ack_sample and rate_sample in kernel memory, laid out by the kernel's BTF.
import { ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelField, KernelServices } from '@tsbpf/core';
import type { AckSample, RateSample } from './congestion-control.ts';

/** Writes samples where programs read them; each call overwrites the last. Answers the offset. */
export interface SampleWriter {
  ackSample(sample: AckSample): number;
  rateSample(sample: RateSample): number;
}

function structWriter<T>(kernel: KernelServices, struct: string, members: Readonly<Record<string, keyof T>>) {
  let off = 0;
  let fields: readonly (readonly [KernelField, keyof T])[] = [];
  return (sample: T): number => {
    if (off === 0) {
      off = kernel.mem.alloc(kernel.types.sizeOf(struct), { name: struct });
      if (off === 0) throw new UsageError(`no room for a ${struct} in the kernel memory`, { errno: ENOMEM });
      fields = Object.entries(members).flatMap(([name, key]) => {
        const field = kernel.types.tryResolve(`${struct}.${name}`);
        return field === undefined ? [] : [[field, key] as const];
      });
    }
    const { view } = kernel.mem;
    for (const [field, key] of fields) {
      const value = Number(sample[key]);
      const at = off + field.off;
      if (field.size === 1) view.setUint8(at, value);
      else if (field.size === 4) view.setInt32(at, value, true);
      else {
        view.setUint32(at, value >>> 0, true);
        view.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
      }
    }
    return off;
  };
}

export function sampleWriter(kernel: KernelServices): SampleWriter {
  return {
    ackSample: structWriter<AckSample>(kernel, 'ack_sample', {
      pkts_acked: 'pktsAcked',
      rtt_us: 'rttUs',
      in_flight: 'inFlight',
    }),
    rateSample: structWriter<RateSample>(kernel, 'rate_sample', {
      prior_mstamp: 'priorMstampUs',
      prior_delivered: 'priorDelivered',
      delivered: 'delivered',
      interval_us: 'intervalUs',
      snd_interval_us: 'sndIntervalUs',
      rcv_interval_us: 'rcvIntervalUs',
      rtt_us: 'rttUs',
      losses: 'losses',
      acked_sacked: 'ackedSacked',
      prior_in_flight: 'priorInFlight',
      is_app_limited: 'isAppLimited',
      is_retrans: 'isRetrans',
      is_ack_delayed: 'isAckDelayed',
    }),
  };
}
