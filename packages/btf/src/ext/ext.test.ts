// SPDX-License-Identifier: MIT
import { BtfError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { fixture } from '../../test/files.ts';
import { parseBtf } from '../model/btf.ts';
import { parseBtfExt, recordsBySection } from './ext.ts';

describe('parseBtfExt', () => {
  const btf = parseBtf(fixture('core.btf'));
  const ext = parseBtfExt(fixture('core.btfext'));

  it('reads records by ELF section', () => {
    const funcs = recordsBySection(btf, ext.funcInfo);
    expect([...funcs.keys()]).toEqual(['kprobe/x']);
    expect(btf.name(funcs.get('kprobe/x')?.[0].typeId ?? 0)).toBe('p');
    const [line] = recordsBySection(btf, ext.lineInfo).get('kprobe/x') ?? [];
    expect(btf.strAt(line.fileNameOff)).toMatch(/core\.c$/);
    expect(btf.strAt(line.lineOff)).toContain('int p(struct task_struct *t)');
    expect(line.insnOff).toBe(0);
    const relos = recordsBySection(btf, ext.coreRelo).get('kprobe/x') ?? [];
    expect(new Set(relos.map((r) => r.kind))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    expect(ext.coreRelo.sections[0].bytes.length).toBe(16 * relos.length);
  });

  it('reads a header of 24 bytes, without relocations', () => {
    const bytes = new Uint8Array(24 + 4 + 8 + 8);
    const view = new DataView(bytes.buffer);
    [0x0001eb9f, 24, 0, 20, 20, 0, 8, 1, 1, 64, 5].forEach((word, i) => view.setUint32(4 * i, word, true));
    expect(parseBtfExt(bytes)).toMatchObject({
      funcInfo: { recSize: 8, sections: [{ secNameOff: 1, records: [{ insnOff: 64, typeId: 5 }] }] },
      lineInfo: { sections: [] },
      coreRelo: { sections: [] },
    });
  });

  it.each([
    ['cut', (b: DataView) => b.setUint32(12, 0x10000, true)],
    ['record size', (b: DataView) => b.setUint32(32, 3, true)],
    ['too many records', (b: DataView) => b.setUint32(40, 0xffffffff, true)],
    ['no records', (b: DataView) => b.setUint32(40, 0, true)],
    ['magic', (b: DataView) => b.setUint16(0, 0, true)],
    ['header length', (b: DataView) => b.setUint32(4, 8, true)],
  ])('refuses a wrong %s', (_, change) => {
    const bytes = fixture('core.btfext');
    change(new DataView(bytes.buffer));
    expect(() => parseBtfExt(bytes)).toThrow(BtfError);
  });
});
