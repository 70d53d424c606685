// SPDX-License-Identifier: MIT

/** Takes a line that libbpf would print, without the `libbpf: ` in front and the newline behind. */
export type CoreLog = (level: 'warn' | 'info' | 'debug', text: string) => void;

export const noLog: CoreLog = () => undefined;
