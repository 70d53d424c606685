// SPDX-License-Identifier: MIT
import type { KernelServices, SubsystemKey } from '@tsbpf/core';
import { netOf } from '../net-state.ts';
import type { Sock } from '../sock/sock.ts';
import { cubic } from './ca/cubic.ts';
import { reno } from './ca/reno.ts';
import { congestionOf } from '../sock/congestion.ts';
import { CongestionTable } from './ca/table.ts';
import { TableControls } from './sock/controls.ts';
import { TcpSim, type TcpSimOptions } from './sim/sim.ts';
import { SockMirror } from './sock/mirror.ts';
import type { TcpSock } from './sock/tcp-sock.ts';

const PORT = 5001;
const FIRST_CLIENT_PORT = 32768;
const CLIENT_PORTS = 28232;

/** TCP of one simulated kernel: its congestion controls, and connections that use them. */
export class Tcp {
  readonly congestion: CongestionTable;
  readonly #kernel: KernelServices;
  #mirror: SockMirror | undefined;
  #sims: TcpSim[] = [];

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    this.congestion = new CongestionTable([cubic, reno], (text) => kernel.env.printk(text));
    const controls = new TableControls(this.congestion, (off) => this.socketAt(off));
    congestionOf(kernel).controls = controls;
    kernel.checkpointables.push(this.congestion, controls);
  }

  /** How sockets lie in kernel memory; worked out when the first one does. */
  get mirror(): SockMirror {
    return (this.#mirror ??= new SockMirror(this.#kernel));
  }

  /**
   * Connections over links, from now on. Close it when it is no longer needed.
   * @errno EINVAL UsageError
   */
  simulate(options: TcpSimOptions): TcpSim {
    const sim = new TcpSim(
      this,
      this.#kernel,
      options,
      () => (this.#sims = this.#sims.filter((other) => other !== sim)),
    );
    this.#sims = [...this.#sims, sim];
    return sim;
  }

  /** The socket at an offset of kernel memory, of whatever simulation. */
  socketAt(off: number): TcpSock | undefined {
    for (const sim of this.#sims) {
      const sk = sim.socketAt(off);
      if (sk !== undefined) return sk;
    }
    return undefined;
  }

  /** Acknowledges on behalf of a program: 0, or undefined where no simulation has the socket. */
  sendAckFor(off: number, seq: number): number | undefined {
    for (const sim of this.#sims) {
      const answer = sim.sendAckFor(off, seq);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  removeSocket(sock: Sock): void {
    netOf(this.#kernel).removeSocket(sock);
  }

  /** A tcp_sock for one end of a connection, each with addresses of its own. */
  addSocket(flow: number, isSender: boolean): Sock {
    const net = netOf(this.#kernel);
    const host = Math.floor(flow / CLIENT_PORTS);
    const client = { ip: `10.0.${host >>> 8}.${(host & 0xff) + 1}`, port: FIRST_CLIENT_PORT + (flow % CLIENT_PORTS) };
    const server = { ip: '10.255.0.1', port: PORT };
    return net.addSocket({
      protocol: 'tcp',
      local: isSender ? client : server,
      remote: isSender ? server : client,
    });
  }
}

const TCP: SubsystemKey<Tcp> = { name: 'tcp', create: (kernel) => new Tcp(kernel) };

/** The TCP of a kernel, made when first asked for. */
export function tcpOf(kernel: Pick<KernelServices, 'subsystem'>): Tcp {
  return kernel.subsystem(TCP);
}
