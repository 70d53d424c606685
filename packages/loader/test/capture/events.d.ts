import type { Sys } from '@tsbpf/uapi';
export type LoadEvent = {
    readonly event: 'map';
    readonly fields: Readonly<Record<string, number | string>>;
} | {
    readonly event: 'update';
    readonly map: string;
    readonly key: string;
    readonly value: string;
} | {
    readonly event: 'freeze';
    readonly map: string;
} | {
    readonly event: 'btf';
    readonly bytes: string;
} | {
    readonly event: 'prog';
    readonly fields: Readonly<Record<string, number | string>>;
};
/** One call of either loader. */
export interface Call {
    readonly cmd: number;
    readonly result: number;
    readonly attr: Record<string, unknown>;
}
export declare const toHex: (bytes: Uint8Array) => string;
/** Records the calls of everything that uses the result. */
export declare function recordingSys(sys: Sys): {
    sys: Sys;
    calls: Call[];
};
/** The calls that capture.c wrote. */
export declare function parseCapture(text: string): Call[];
/** The calls that make up an object, probes and retries with a log left out. */
export declare function loadEvents(calls: readonly Call[]): LoadEvent[];
//# sourceMappingURL=events.d.ts.map