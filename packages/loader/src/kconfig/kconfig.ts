// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, ERANGE, ESRCH, type Sys } from '@tsbpf/uapi';
import type { Features } from '../features/probes.ts';
import type { Print } from '../log.ts';
import type { Refuse } from '../open/refuse.ts';
import type { ExternSpec } from '../open/spec.ts';
import { gunzipText } from './inflate.ts';

type KconfigPlace = Extract<ExternSpec['where'], { sec: 'kconfig' }>;

/** `enum libbpf_tristate`. */
const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n };
const COMPAT_NUMBER = /^[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)$/;

/** A number as strtoull takes it: decimal, 0x or 0 in front for octal. */
function parseNumber(text: string): bigint | undefined {
  if (!COMPAT_NUMBER.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  let value: bigint;
  if (/^0[0-7]+$/.test(digits)) value = BigInt(`0o${digits.slice(1)}`);
  else if (/^0[0-9]+$/.test(digits)) return undefined;
  else value = BigInt(digits);
  if (value >= 1n << 64n) return undefined;
  return negative ? BigInt.asUintN(64, -value) : value;
}

function fits(where: KconfigPlace, value: bigint): boolean {
  if (where.size >= 8) return true;
  const bits = BigInt(where.size * 8);
  // A signed value of n bits is in range where adding half of the range keeps it below the whole.
  if (where.signed) return BigInt.asUintN(64, value + (1n << (bits - 1n))) < 1n << bits;
  return value < 1n << bits;
}

/** Writes values of .kconfig externs into the map's bytes. */
export class KconfigValues {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #refuse: Refuse;
  readonly #print: Print;
  readonly #set = new Set<string>();

  constructor(data: Uint8Array, print: Print, refuse: Refuse) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#print = print;
    this.#refuse = refuse;
  }

  has(name: string): boolean {
    return this.#set.has(name);
  }

  /** A number that libbpf itself knows, such as LINUX_KERNEL_VERSION. */
  setNumber(name: string, where: KconfigPlace, value: bigint): void {
    if (!['int', 'bool', 'char', 'tristate'].includes(where.type)) {
      this.#refuse(`extern (kcfg) '${name}': value '${value}' implies integer, char, or boolean type`);
    }
    if (!fits(where, value)) {
      this.#refuse(`extern (kcfg) '${name}': value '${value}' doesn't fit in ${where.size} bytes`, { errno: ERANGE });
    }
    if (where.type === 'bool' && value > 1n) {
      this.#refuse(`extern (kcfg) '${name}': value '${value}' isn't boolean compatible`);
    }
    this.#putInt(where, value);
    this.#set.add(name);
  }

  /** The text behind `CONFIG_X=`. */
  setText(name: string, where: KconfigPlace, text: string): void {
    if (this.#set.has(name)) return;
    if (text === 'y' || text === 'n' || text === 'm') this.#setTristate(name, where, text);
    else if (text.startsWith('"')) this.#setString(name, where, text);
    else {
      const value = parseNumber(text);
      if (value === undefined) {
        return this.#refuse(`extern (kcfg) '${name}': value '${text}' isn't a valid integer`);
      }
      this.setNumber(name, where, value);
    }
    this.#set.add(name);
    this.#print('debug', `extern (kcfg) '${name}': set to ${text}`);
  }

  #setTristate(name: string, where: KconfigPlace, text: 'y' | 'n' | 'm'): void {
    if (where.type === 'char') this.#data[where.dataOff] = text.charCodeAt(0);
    else if (where.type === 'tristate') this.#putInt(where, TRISTATE[text]);
    else if (where.type === 'bool' && text !== 'm') this.#data[where.dataOff] = text === 'y' ? 1 : 0;
    else
      this.#refuse(`extern (kcfg) '${name}': value '${text}' implies bool, tristate, or char type`, { errno: EINVAL });
  }

  #setString(name: string, where: KconfigPlace, text: string): void {
    if (where.type !== 'char_arr') {
      this.#refuse(`extern (kcfg) '${name}': value '${text}' implies char array type`);
    }
    if (text.length < 2 || !text.endsWith('"')) {
      this.#refuse(`extern (kcfg) '${name}': invalid string config '${text}'`);
    }
    let bytes = new TextEncoder().encode(text.slice(1, -1));
    if (bytes.length >= where.size) {
      this.#print(
        'warn',
        `extern (kcfg) '${name}': long string '${text}' of (${bytes.length} bytes) truncated to ${where.size - 1} bytes`,
      );
      bytes = bytes.subarray(0, where.size - 1);
    }
    this.#data.set(bytes, where.dataOff);
  }

  #putInt({ dataOff, size }: KconfigPlace, value: bigint): void {
    if (size === 1) this.#view.setUint8(dataOff, Number(value & 0xffn));
    else if (size === 2) this.#view.setUint16(dataOff, Number(value & 0xffffn), true);
    else if (size === 4) this.#view.setUint32(dataOff, Number(value & 0xffffffffn), true);
    else this.#view.setBigUint64(dataOff, value, true);
  }
}

/** `major << 16 | minor << 8 | patch`, the patch at most 255. */
export function kernelVersionCode(release: string): number {
  const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  return (Number(major) << 16) + (Number(minor) << 8) + Math.min(Number(patch), 255);
}

/** The kernel's version, where distributions hide it: Ubuntu in a file, Debian in `uname -v`. */
export function kernelVersionOf(sys: Sys): number {
  const signature = sys.readFile('/proc/version_signature');
  if (typeof signature !== 'number') {
    const [, , upstream] = new TextDecoder().decode(signature).trim().split(/\s+/);
    const code = upstream === undefined ? 0 : kernelVersionCode(upstream);
    if (code !== 0) return code;
  }
  const { release, version } = sys.uname();
  const debian = / Debian (\d+\.\d+\.\d+)/.exec(version)?.[1];
  return kernelVersionCode(debian ?? release);
}

function systemKconfig(sys: Sys): string | undefined {
  for (const path of [`/boot/config-${sys.uname().release}`, '/proc/config.gz']) {
    const bytes = sys.readFile(path);
    if (typeof bytes !== 'number') return gunzipText(bytes);
  }
  return undefined;
}

/** Fills the .kconfig map. Values come from `kconfig` where given, then from the system. */
export function resolveKconfig(init: {
  externs: readonly ExternSpec[];
  data: Uint8Array;
  kconfig: string | undefined;
  sys: Sys;
  features: Features;
  print: Print;
  refuse: Refuse;
}): void {
  const { externs, data, sys, print, refuse } = init;
  const values = new KconfigValues(data, print, refuse);
  const wanted = externs.flatMap((ext) => (ext.where.sec === 'kconfig' ? [{ ext, where: ext.where }] : []));
  for (const { ext, where } of wanted) {
    if (!ext.name.startsWith('LINUX_')) continue;
    let value: bigint;
    if (ext.name === 'LINUX_KERNEL_VERSION') {
      value = BigInt(kernelVersionOf(sys));
      if (value === 0n) refuse(`extern (kcfg) '${ext.name}': failed to get kernel version`, { errno: EINVAL });
    } else if (ext.name === 'LINUX_HAS_BPF_COOKIE') value = init.features.has('bpfCookie') ? 1n : 0n;
    else if (ext.name === 'LINUX_HAS_SYSCALL_WRAPPER') value = init.features.has('syscallWrapper') ? 1n : 0n;
    else if (ext.weak) value = 0n;
    else return refuse(`extern (kcfg) '${ext.name}': unrecognized virtual extern`, { errno: EINVAL });
    values.setNumber(ext.name, where, value);
    print('debug', `extern (kcfg) '${ext.name}': set to 0x${value.toString(16)}`);
  }
  const missing = (): boolean => wanted.some(({ ext }) => !values.has(ext.name));
  const apply = (text: string): void => {
    const lines = new Map<string, string>();
    for (const line of text.split('\n')) {
      const equals = line.indexOf('=');
      if (line.startsWith('CONFIG_') && equals > 0) lines.set(line.slice(0, equals), line.slice(equals + 1).trim());
    }
    for (const { ext, where } of wanted) {
      const value = lines.get(ext.name);
      if (value !== undefined && value !== '') values.setText(ext.name, where, value);
    }
  };
  if (missing() && init.kconfig !== undefined) apply(init.kconfig);
  if (missing() && wanted.some(({ ext }) => ext.name.startsWith('CONFIG_') && !values.has(ext.name))) {
    const text = systemKconfig(sys);
    if (text === undefined) {
      print('warn', 'failed to open system Kconfig');
      if (wanted.some(({ ext }) => !ext.weak && !values.has(ext.name))) {
        refuse('failed to open system Kconfig', { errno: ENOENT });
      }
    } else apply(text);
  }
  for (const { ext } of wanted) {
    if (values.has(ext.name)) continue;
    if (!ext.weak) refuse(`extern '${ext.name}' (strong): not resolved`, { errno: ESRCH });
    print('debug', `extern '${ext.name}' (weak): not resolved, defaulting to zero`);
  }
}
