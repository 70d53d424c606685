var __rewriteRelativeImportExtension = (this && this.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};
// SPDX-License-Identifier: MIT
// What Debian's libbpf asks of the running kernel for an object, by bpftool and a preloaded library that writes it down.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEvents, parseCapture } from "./events.js";
const SOURCE = fileURLToPath(new URL('./capture.c', import.meta.url));
const has = (command) => spawnSync(command, ['--version']).status === 0;
/** Why nothing can be captured here; undefined where it can. */
export function whyNoCapture() {
    if (process.getuid?.() !== 0)
        return 'needs root';
    if (!has('bpftool'))
        return 'needs bpftool';
    if (!has('gcc') && !has('clang-16'))
        return 'needs a C compiler';
    return undefined;
}
/** The running kernel. */
export async function runningHost() {
    const { createHost } = (await import(__rewriteRelativeImportExtension('@tsbpf/host')));
    return createHost();
}
let library;
function preload() {
    if (library === undefined) {
        library = join(mkdtempSync(join(tmpdir(), 'tsbpf-capture-')), 'capture.so');
        execFileSync(has('gcc') ? 'gcc' : 'clang-16', ['-shared', '-fPIC', '-o', library, SOURCE, '-ldl']);
    }
    return library;
}
/** What libbpf says and asks for when bpftool loads every program of an object; nothing stays pinned. */
export function runLibbpf(path, options = {}) {
    const log = join(tmpdir(), `tsbpf-capture-${process.pid}.jsonl`);
    rmSync(log, { force: true });
    // In a mount namespace of its own, so that nothing stays pinned.
    const script = 'mount -t bpf bpffs /sys/fs/bpf && exec bpftool prog loadall "$1" /sys/fs/bpf/progs';
    const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', path], {
        env: {
            ...process.env,
            LD_PRELOAD: preload(),
            TSBPF_CAPTURE: log,
            ...(options.oldBtf === true ? { TSBPF_OLD_BTF: '1' } : {}),
        },
        encoding: 'utf8',
    });
    const events = loadEvents(parseCapture(existsSync(log) ? readFileSync(log, 'utf8') : ''));
    rmSync(log, { force: true });
    return { events, status, stderr };
}
/** What libbpf asks for; a failure where it asks for nothing. */
export function libbpfEvents(path, options = {}) {
    const { events, stderr } = runLibbpf(path, options);
    if (events.length === 0)
        throw new Error(`bpftool: ${stderr}`);
    return events;
}
//# sourceMappingURL=libbpf.js.map