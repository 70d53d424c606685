// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';

function invalid(what: string, text: string): UsageError {
  return new UsageError(`'${text}' is not ${what}`, { errno: EINVAL });
}

export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(text)) throw invalid('a MAC address', text);
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) {
    throw invalid('an IPv4 address', text);
  }
  return Uint8Array.from(parts, Number);
}

export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** Also takes a dotted quad at the end, as in `::ffff:10.0.0.1`. */
export function parseIpv6(text: string): Uint8Array {
  const quad = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let hexText = text;
  if (quad !== null) {
    const [a, b, c, d] = parseIpv4(quad[2]);
    hexText = `${quad[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = hexText.split('::');
  if (halves.length > 2) throw invalid('an IPv6 address', text);
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = groups.reduce((sum, half) => sum + half.length, 0);
  if (halves.length === 2 ? given > 7 : given !== 8) throw invalid('an IPv6 address', text);
  const words =
    halves.length === 2 ? [...groups[0], ...new Array<string>(8 - given).fill('0'), ...groups[1]] : groups[0];
  const bytes = new Uint8Array(16);
  words.forEach((word, idx) => {
    if (!/^[0-9a-f]{1,4}$/i.test(word)) throw invalid('an IPv6 address', text);
    const value = Number.parseInt(word, 16);
    bytes[idx * 2] = value >>> 8;
    bytes[idx * 2 + 1] = value;
  });
  return bytes;
}

/** The canonical text. @see RFC 5952 */
export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, idx) => (bytes[idx * 2] << 8) | bytes[idx * 2 + 1]);
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes.subarray(12))}`;
  }
  let best = { start: -1, len: 1 };
  for (let start = 0; start < 8; start++) {
    let len = 0;
    while (start + len < 8 && words[start + len] === 0) len++;
    if (len > best.len) best = { start, len };
  }
  const hexWords = words.map((word) => word.toString(16));
  if (best.start < 0) return hexWords.join(':');
  return `${hexWords.slice(0, best.start).join(':')}::${hexWords.slice(best.start + best.len).join(':')}`;
}
