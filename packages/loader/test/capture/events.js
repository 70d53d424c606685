export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const fromHex = (text) => new Uint8Array(Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)));
/** Records the calls of everything that uses the result. */
export function recordingSys(sys) {
    const calls = [];
    const recorder = {
        ...sys,
        bpf(cmd, attr) {
            const copy = Object.fromEntries(Object.entries(attr).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice() : value]));
            const result = sys.bpf(cmd, attr);
            calls.push({ cmd, result, attr: copy });
            return result;
        },
    };
    return { sys: recorder, calls };
}
const cstr = (bytes) => {
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};
/** The calls that capture.c wrote. */
export function parseCapture(text) {
    return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
        const raw = JSON.parse(line);
        const bytes = new Uint8Array(256);
        bytes.set(fromHex(raw['attr'] ?? ''));
        const view = new DataView(bytes.buffer);
        const u32 = (off) => view.getUint32(off, true);
        const buffer = (name) => fromHex(raw[name] ?? '');
        const { cmd, result } = raw;
        let attr = {};
        if (cmd === 0) {
            const names = ['map_type', 'key_size', 'value_size', 'max_entries', 'map_flags', 'inner_map_fd', 'numa_node'];
            attr = Object.fromEntries(names.map((name, i) => [name, u32(4 * i)]));
            Object.assign(attr, {
                map_name: cstr(bytes.subarray(28, 44)),
                btf_fd: u32(48),
                btf_key_type_id: u32(52),
                btf_value_type_id: u32(56),
                btf_vmlinux_value_type_id: u32(60),
            });
        }
        else if (cmd === 2)
            attr = { map_fd: u32(0), key: buffer('key'), value: buffer('value') };
        else if (cmd === 22)
            attr = { map_fd: u32(0) };
        else if (cmd === 18)
            attr = { btf: buffer('btf') };
        else if (cmd === 5) {
            attr = {
                prog_type: u32(0),
                insns: buffer('insns'),
                license: cstr(buffer('license')),
                log_level: u32(24),
                kern_version: u32(40),
                prog_flags: u32(44),
                prog_name: cstr(bytes.subarray(48, 64)),
                expected_attach_type: u32(68),
                prog_btf_fd: u32(72),
                func_info_rec_size: u32(76),
                func_info: buffer('func_info'),
                line_info_rec_size: u32(92),
                line_info: buffer('line_info'),
                attach_btf_id: u32(108),
                attach_prog_fd: u32(112),
            };
        }
        return { cmd, result, attr };
    });
}
/** Instructions with the maps' names in place of their fds. */
function namedInsns(insns, mapNames) {
    const lines = [];
    for (let at = 0; at < insns.length; at += 8) {
        const insn = insns.slice(at, at + 8);
        const pseudo = insn[1] >> 4;
        if (insn[0] === 0x18 && (pseudo === 1 || pseudo === 2)) {
            const fd = new DataView(insn.buffer).getUint32(4, true);
            lines.push(`${toHex(insn.subarray(0, 4))} ${mapNames.get(fd) ?? `fd ${fd}`}`);
        }
        else
            lines.push(toHex(insn));
    }
    return lines.join('\n');
}
const isProbe = (name) => name === undefined || name === '' || String(name).startsWith('libbpf_');
/** The calls that make up an object, probes and retries with a log left out. */
export function loadEvents(calls) {
    const events = [];
    const mapNames = new Map();
    const progNames = new Map();
    const largest = Math.max(0, ...calls.filter((c) => c.cmd === 18).map((c) => c.attr['btf'].length));
    const PROBE_BTF_BYTES = 140;
    const flag = (value) => ((value ?? 0) > 0 ? 1 : 0);
    for (const { cmd, result, attr } of calls) {
        if (cmd === 0) {
            const a = attr;
            if (isProbe(a.map_name))
                continue;
            if (result >= 0)
                mapNames.set(result, a.map_name ?? '');
            events.push({
                event: 'map',
                fields: {
                    name: a.map_name ?? '',
                    type: a.map_type,
                    key: a.key_size ?? 0,
                    value: a.value_size ?? 0,
                    max: a.max_entries ?? 0,
                    // Before 1.4, libbpf made maps of static variables mappable too.
                    flags: (a.map_flags ?? 0) & ((a.map_name ?? '').includes('.') ? ~1024 : ~0),
                    numa: a.numa_node ?? 0,
                    inner: mapNames.get(a.inner_map_fd ?? 0) ?? '',
                    btf: flag(a.btf_fd),
                    btfKey: a.btf_key_type_id ?? 0,
                    btfValue: a.btf_value_type_id ?? 0,
                    vmlinux: a.btf_vmlinux_value_type_id ?? 0,
                },
            });
        }
        else if (cmd === 2) {
            const map = mapNames.get(attr['map_fd']) ?? '?';
            const value = attr['value'];
            const fd = value.length === 4 ? new DataView(value.slice().buffer).getUint32(0, true) : -1;
            const isSlot = events.some((e) => e.event === 'map' && e.fields['name'] === map && [3, 12, 13].includes(Number(e.fields['type'])));
            events.push({
                event: 'update',
                map,
                key: toHex(attr['key']),
                value: isSlot ? (progNames.get(fd) ?? mapNames.get(fd) ?? '?') : toHex(value),
            });
        }
        else if (cmd === 22)
            events.push({ event: 'freeze', map: mapNames.get(attr['map_fd']) ?? '?' });
        else if (cmd === 18) {
            const btf = attr['btf'];
            if (btf.length === largest && largest > PROBE_BTF_BYTES)
                events.push({ event: 'btf', bytes: toHex(btf) });
        }
        else if (cmd === 5) {
            const a = attr;
            if (isProbe(a.prog_name) || (a.log_level ?? 0) > 0)
                continue;
            if (result >= 0)
                progNames.set(result, a.prog_name ?? '');
            events.push({
                event: 'prog',
                fields: {
                    name: a.prog_name ?? '',
                    type: a.prog_type,
                    insns: namedInsns(a.insns, mapNames),
                    license: a.license,
                    version: a.kern_version ?? 0,
                    flags: a.prog_flags ?? 0,
                    expected: a.expected_attach_type ?? 0,
                    btf: flag(a.prog_btf_fd),
                    funcInfo: toHex(a.func_info ?? new Uint8Array()),
                    funcRec: (a.func_info?.length ?? 0) > 0 ? (a.func_info_rec_size ?? 0) : 0,
                    lineInfo: toHex(a.line_info ?? new Uint8Array()),
                    lineRec: (a.line_info?.length ?? 0) > 0 ? (a.line_info_rec_size ?? 0) : 0,
                    attachBtfId: a.attach_btf_id ?? 0,
                    attachProg: flag(a.attach_prog_fd),
                },
            });
        }
    }
    return events;
}
//# sourceMappingURL=events.js.map