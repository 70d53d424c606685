import type { Sys } from '@tsbpf/uapi';
import { type LoadEvent } from './events.ts';
/** Why nothing can be captured here; undefined where it can. */
export declare function whyNoCapture(): string | undefined;
/** The running kernel. */
export declare function runningHost(): Promise<Sys>;
/** What libbpf says and asks for when bpftool loads every program of an object; nothing stays pinned. */
export declare function runLibbpf(path: string, options?: {
    oldBtf?: boolean;
}): {
    events: LoadEvent[];
    status: number | null;
    stderr: string;
};
/** What libbpf asks for; a failure where it asks for nothing. */
export declare function libbpfEvents(path: string, options?: {
    oldBtf?: boolean;
}): LoadEvent[];
//# sourceMappingURL=libbpf.d.ts.map