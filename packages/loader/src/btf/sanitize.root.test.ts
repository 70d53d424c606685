// SPDX-License-Identifier: MIT
// Objects with types that Linux 5.6 does not know, on a kernel that refuses them as 5.6 does: Debian's libbpf and we
// make the same BTF, maps and programs of them.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { validateBtf } from '@tsbpf/btf';
import { BPF_BTF_LOAD, EINVAL, type BtfLoadAttr, type Sys } from '@tsbpf/uapi';
import { loadEvents, recordingSys, type LoadEvent } from '../../test/capture/events.ts';
import { libbpfEvents, runningHost, whyNoCapture } from '../../test/capture/libbpf.ts';
import { objectName, openObject } from '../handle/object.ts';

const NEWER = fileURLToPath(new URL('../../test/newer', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
/**
 * Not those that libbpf 1.1 refuses to open, that pin, or that need what the running kernel lacks; nor arguments tagged
 * as contexts, whose types only later versions put into older kernels.
 */
const SKIPPED =
  /^(families|argctx|legacy|bss|struct_ops|struct_ops_gone|freplace|sections|empty|pinned|kernel)\.|bpfeb/;

const reason = whyNoCapture();
if (reason !== undefined) console.log(`sanitized BTF: skipped: ${reason}`);

const objects = [NEWER, FIXTURES].flatMap((dir) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.o') && !SKIPPED.test(name))
    .map((name) => join(dir, name)),
);

/** The system, but for BTF that Linux 5.6 refuses. */
function olderBtf(sys: Sys): Sys {
  return {
    ...sys,
    bpf: ((cmd, attr) => {
      if (
        cmd === BPF_BTF_LOAD &&
        validateBtf((attr as BtfLoadAttr).btf ?? new Uint8Array(), { version: '5.6' }).errno !== 0
      ) {
        return -EINVAL;
      }
      return sys.bpf(cmd, attr);
    }) as Sys['bpf'],
  };
}

/** A call of a weak kernel function that is not there: libbpf 1.1 leaves it, later versions make it invalid. */
function asIn11(event: LoadEvent): LoadEvent {
  if (event.event !== 'prog' || typeof event.fields['insns'] !== 'string') return event;
  const insns = event.fields['insns'].replace(/^85000000[0-9a-f]{4}5477$/gm, '8520000000000000');
  return { ...event, fields: { ...event.fields, insns } };
}

describe.skipIf(reason !== undefined)('what an older kernel is given', () => {
  let host: Sys;
  beforeAll(async () => {
    host = await runningHost();
  });

  it.each(objects.map((path) => [basename(path), path]))('%s', (_name, path) => {
    const wanted = libbpfEvents(path, { oldBtf: true });
    const { sys, calls } = recordingSys(olderBtf(host));
    const obj = openObject(new Uint8Array(readFileSync(path)), { sys, name: objectName(path) });
    obj.load();
    obj.close();
    expect(loadEvents(calls).map(asIn11)).toEqual(wanted);
  });
});
