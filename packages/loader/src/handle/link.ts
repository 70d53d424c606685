// SPDX-License-Identifier: MIT

/** How a link comes undone. */
export interface LinkInit {
  readonly progName: string;
  /** What it is attached to, for messages: `xdp on ifindex 3`. */
  readonly target: string;
  /** The link's own fd, where it has one. */
  readonly fd?: number;
  /** Undoes it. Errors are thrown. */
  detach(): void;
}

/** A program attached somewhere. It stays attached until `detach`, the end of a `using` block, or the end of its hook. */
export class BpfLink {
  readonly progName: string;
  readonly target: string;
  /** The fd that holds the attachment, such as a perf event's or a raw tracepoint's; undefined where none does. */
  readonly fd: number | undefined;
  readonly #detach: () => void;
  #attached = true;

  constructor(init: LinkInit) {
    this.progName = init.progName;
    this.target = init.target;
    this.fd = init.fd;
    this.#detach = () => init.detach();
  }

  get attached(): boolean {
    return this.#attached;
  }

  /** Detaches the program; the second time nothing happens. @throws SyscallError */
  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.#detach();
  }

  /** The same, under libbpf's name. */
  destroy(): void {
    this.detach();
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}
