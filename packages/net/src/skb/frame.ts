// SPDX-License-Identifier: MIT
import type { Skb } from './skb.ts';
import { hasTag } from './vlan.ts';

const MACS = 12;

/** The packet as it would be on the wire: from the link header, with a tag that lies beside it put in. A copy. */
export function frameOf(skb: Skb): Uint8Array {
  const { mem } = skb.kernel;
  const start = skb.head + skb.header('mac_header');
  const bytes = mem.readBytes(start, skb.tail - start);
  if (!hasTag(skb)) return bytes;
  const tagged = new Uint8Array(bytes.length + 4);
  tagged.set(bytes.subarray(0, MACS));
  tagged.set(bytes.subarray(MACS), MACS + 4);
  const view = new DataView(tagged.buffer);
  view.setUint16(MACS, skb.get('vlan_proto'), true);
  view.setUint16(MACS + 2, skb.get('vlan_tci'), false);
  return tagged;
}
