// SPDX-License-Identifier: MIT

/** `warn` and `info` are what libbpf's default printer shows. */
export type LogLevel = 'warn' | 'info' | 'debug';

/** Takes a line that libbpf would print, without the `libbpf: ` in front and the newline behind. */
export type Print = (level: LogLevel, text: string) => void;

/** Prints nothing. */
export const silent: Print = () => undefined;
