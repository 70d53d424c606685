// SPDX-License-Identifier: MIT
// Who calls programs of each type: for the parity table, and for the test that makes each caller call one.
import { readFileSync } from 'node:fs';
import {
  BPF_CGROUP_DEVICE,
  BPF_CGROUP_GETSOCKOPT,
  BPF_CGROUP_INET4_CONNECT,
  BPF_CGROUP_INET_EGRESS,
  BPF_CGROUP_INET_SOCK_CREATE,
  BPF_CGROUP_SOCK_OPS,
  BPF_CGROUP_SYSCTL,
  BPF_FLOW_DISSECTOR,
  BPF_LIRC_MODE2,
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_SOCKMAP,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  BPF_RAW_TRACEPOINT_OPEN,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  createKernel,
  InternalError,
  openObject,
  type EngineName,
  type SimulatedKernel,
} from 'tsbpf';
import { buildPacket, formatMac, parseIpv6 } from '@tsbpf/capture';
import { bpfEncap, endBpf, INET, receiversOf, routeInput, routeOutput, worldOf } from '@tsbpf/net';
import { assembleSource, encodeInsns } from '@tsbpf/insn';

const fixture = (path: string): Uint8Array => readFileSync(new URL(`../../${path}`, import.meta.url));
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const [PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT, PERF_TYPE_KPROBE] = [1, 2, 6];

/** A kernel with a program of a type that counts how often it runs. */
export class CallerWorld {
  readonly kernel: SimulatedKernel;
  readonly #type: number;
  readonly #counts: number;

  constructor(engine: EngineName, type: number) {
    this.kernel = createKernel({ engine });
    this.#type = type;
    this.#counts = this.must(
      'map',
      this.kernel.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 8, max_entries: 1 }),
    );
  }

  must(what: string, result: number | undefined): number {
    if (result === undefined || result < 0) throw new InternalError(`${what}: ${result}`);
    return result;
  }

  /** Loads the program, verified; its result is `verdict`. */
  load(verdict = 1, options: { type?: number; attachType?: number } = {}): number {
    const source = `*(u32 *)(r10 - 4) = 0
r2 = r10
r2 += -4
r1 = counts ll
call 1
if r0 == 0 goto out
r1 = *(u64 *)(r0 + 0)
r1 += 1
*(u64 *)(r0 + 0) = r1
out: r0 = ${verdict}
exit
`;
    const log_buf = new Uint8Array(1 << 16);
    const insns = encodeInsns(assembleSource(source, { maps: { counts: this.#counts } }).insns);
    const attr = {
      prog_type: options.type ?? this.#type,
      expected_attach_type: options.attachType ?? 0,
      insns,
      license: 'GPL',
      log_level: 1,
      log_buf,
    };
    const fd = this.kernel.bpf(BPF_PROG_LOAD, attr);
    if (fd < 0)
      throw new InternalError(`load: ${fd}\n${new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0)))}`);
    return fd;
  }

  attach(target_fd: number, attach_bpf_fd: number, attach_type: number): void {
    this.must('attach', this.kernel.bpf(BPF_PROG_ATTACH, { target_fd, attach_bpf_fd, attach_type }));
  }

  /** How often the program ran. */
  get runs(): number {
    const value = new Uint8Array(8);
    this.kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: this.#counts, key: u32(0), value });
    return new DataView(value.buffer).getUint32(0, true);
  }

  /** Attaches to the root cgroup, where a task's calls meet the program. */
  atCgroup(attach_type: number, options: { verdict?: number } = {}): ReturnType<SimulatedKernel['cgroups']['spawn']> {
    const fd = this.load(options.verdict ?? 1, { attachType: attach_type });
    this.attach(this.must('cgroup', this.kernel.open('/sys/fs/cgroup', 0)), fd, attach_type);
    return this.kernel.cgroups.spawn({});
  }

  frame(): Uint8Array {
    return buildPacket([
      { type: 'eth', dst: formatMac(this.kernel.net.device('eth0').mac) },
      { type: 'ipv4', src: '10.0.0.9', dst: '10.0.0.1' },
      { type: 'udp', srcPort: 4000, dstPort: 53 },
    ]);
  }

  /** Lets the frame arrive at eth0. */
  receive(): void {
    this.kernel.net.device('eth0').receive(this.frame());
  }

  /** An IP packet meets a route whose programs include this one. */
  route(place: 'in' | 'out' | 'xmit'): void {
    const { net, state } = this.kernel;
    const eth0 = net.device('eth0');
    const routes = worldOf(state).main;
    routes.addRoute({ to: '10.0.0.0/8', dev: eth0, encap: bpfEncap(state, { [place]: this.load(0) }) });
    routes.setForwarding(eth0, INET, true);
    const packet = this.frame().subarray(14);
    if (place === 'in') routeInput(eth0, packet);
    else routeOutput(net.device('lo'), packet);
  }

  /** An event of perf that has the program. */
  perf(type: number, more: { config?: bigint; path?: string }): number {
    const { kernel } = this;
    const fd = this.must('perf event', kernel.perfEventOpen({ type, config: 0n, pid: -1, cpu: 0, ...more }));
    this.must('program of an event', kernel.perfEventSetBpf(fd, this.load()));
    return fd;
  }

  /** A socket in a socket map that has the programs, and its other end. */
  sockMap(attachTypes: readonly number[]): ReturnType<SimulatedKernel['net']['connectStreams']> {
    const { kernel } = this;
    const shape = { map_type: BPF_MAP_TYPE_SOCKMAP, key_size: 4, value_size: 4, max_entries: 1 };
    const map_fd = this.must('map', kernel.bpf(BPF_MAP_CREATE, shape));
    for (const attachType of attachTypes) this.attach(map_fd, this.load(), attachType);
    const pair = kernel.net.connectStreams();
    this.must('update', kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key: u32(0), value: u32(pair[0].fd), flags: 0n }));
    return pair;
  }
}

/** Who calls programs of a type. */
export interface Caller {
  /** Where it is, and what it is called there. */
  readonly file: string;
  readonly name: string;
  /** What makes it call, for the table. */
  readonly when: string;
  /** Attaches the program and makes the caller call it; answers how often it ran. */
  call(world: CallerWorld): number;
}

const row = (file: string, name: string, when: string, call: (world: CallerWorld) => number | void): Caller => ({
  file: `packages/${file}`,
  name,
  when,
  call: (world) => call(world) ?? world.runs,
});
const int = (value: number): Uint8Array => u32(value);

/** By program type, in the order of `bpf_types.h`; undefined: nobody calls them yet. */
export const CALLERS: Readonly<Record<number, Caller | undefined>> = {
  1: row('net/src/sock/packet-socket.ts', 'see', 'a frame passes a packet socket', (w) => {
    const { fd } = w.kernel.net.device('eth0').openPacketSocket();
    w.must('filter', w.kernel.setsockopt(fd, 1, 50, int(w.load())));
    w.receive();
  }),
  2: row('tracing/src/fire.ts', 'runOnProbe', 'a function of the kernel is called', (w) => {
    w.perf(PERF_TYPE_KPROBE, { path: 'vfs_read' });
    w.kernel.tracing.fireKprobe('vfs_read');
  }),
  3: row('net/src/tc/classify.ts', 'classify', 'a packet arrives at a device, or leaves it', (w) => {
    w.kernel.net.device('eth0').attachTc(w.load(0), { direction: 'ingress', directAction: true });
    w.receive();
  }),
  4: row('net/src/tc/classify.ts', 'act', 'a classifier puts a packet into a class', (w) => {
    const { kernel } = w;
    const insns = encodeInsns(assembleSource('r0 = 1\nexit\n').insns);
    const cls = w.must(
      'load',
      kernel.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_SCHED_CLS, insns, license: 'GPL' }),
    );
    kernel.net.device('eth0').attachTc(cls, { direction: 'ingress', actions: [w.load(0)] });
    w.receive();
  }),
  5: row('tracing/src/fire.ts', 'runOnEvent', 'a trace event occurs', (w) => {
    const id = w.kernel.readFile('/sys/kernel/debug/tracing/events/sched/sched_switch/id');
    if (typeof id === 'number') throw new InternalError(`no event: ${id}`);
    w.perf(PERF_TYPE_TRACEPOINT, { config: BigInt(new TextDecoder().decode(id).trim()) });
    w.kernel.tracing.fireEvent('sched:sched_switch');
  }),
  6: row('net/src/xdp/run.ts', 'runXdp', 'a frame arrives at a device', (w) => {
    w.kernel.net.device('eth0').attachXdp(w.load(2));
    w.receive();
  }),
  7: row('tracing/src/fire.ts', 'runOnSample', 'a perf event takes a sample', (w) => {
    const fd = w.perf(PERF_TYPE_SOFTWARE, {});
    w.kernel.tracing.fireSample(w.kernel.tracing.perfEvent(fd));
  }),
  8: row('cgroup/src/socket/skb-hook.ts', 'skb', 'a socket of a cgroup sends or receives a packet', (w) => {
    const task = w.atCgroup(BPF_CGROUP_INET_EGRESS);
    const socket = task.socket({ family: 2, type: 2 });
    if (typeof socket !== 'number') socket.sendto('x', { ip: '127.0.0.1', port: 9 });
  }),
  9: row('cgroup/src/socket/sock-hook.ts', 'sock', 'a task of a cgroup makes or binds a socket', (w) => {
    w.atCgroup(BPF_CGROUP_INET_SOCK_CREATE).socket({ family: 2, type: 1 });
  }),
  10: row('net/src/lwt/forward.ts', 'lwt_in', 'a packet comes by a route with programs', (w) => w.route('in')),
  11: row('net/src/lwt/forward.ts', 'lwt_out', 'this host sends by a route with programs', (w) => w.route('out')),
  12: row('net/src/lwt/forward.ts', 'lwt_xmit', 'a packet leaves by a route with programs', (w) => w.route('xmit')),
  13: row('cgroup/src/socket/sock-ops.ts', 'sock', 'a TCP connection of a cgroup changes', (w) => {
    const socket = w.atCgroup(BPF_CGROUP_SOCK_OPS).socket({ family: 2, type: 1 });
    if (typeof socket !== 'number') socket.connect({ ip: '127.0.0.1', port: 9 });
  }),
  14: row('net/src/stream/skb-verdict.ts', 'judgeMessage', 'bytes arrive at a socket in a socket map', (w) => {
    const [, peer] = w.sockMap([BPF_SK_SKB_STREAM_PARSER, BPF_SK_SKB_STREAM_VERDICT]);
    peer.send('x');
  }),
  15: row('cgroup/src/device/device.ts', 'device', 'a task of a cgroup opens or makes a device node', (w) => {
    w.atCgroup(BPF_CGROUP_DEVICE).openDevice('/dev/null', 'r');
  }),
  16: row('net/src/stream/msg-verdict.ts', 'ask', 'a socket in a socket map sends', (w) => {
    w.sockMap([BPF_SK_MSG_VERDICT])[0].send('x');
  }),
  17: row('tracing/src/raw-tracepoint/open.ts', 'rawTracepoint', 'a tracepoint fires', (w) => {
    w.must('raw tracepoint', w.kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd: w.load(), name: 'xdp_exception' }));
    const abort = w.load(0, { type: BPF_PROG_TYPE_XDP });
    w.kernel.net.device('eth0').attachXdp(abort);
    w.receive();
    // The XDP program counts, too.
    return w.runs - 1;
  }),
  18: row(
    'cgroup/src/socket/addr-hook.ts',
    'addr',
    'a socket of a cgroup binds, connects, sends to or receives from',
    (w) => {
      const socket = w.atCgroup(BPF_CGROUP_INET4_CONNECT).socket({ family: 2, type: 1 });
      if (typeof socket !== 'number') socket.connect({ ip: '127.0.0.1', port: 9 });
    },
  ),
  19: row('net/src/lwt/forward.ts', 'seg6local', 'a packet reaches a segment whose action is a program', (w) => {
    const { net, state } = w.kernel;
    const eth0 = net.device('eth0');
    const routes = worldOf(state).main;
    const segment = '2001:db8:1::1';
    routes.addRoute({ to: `${segment}/128`, dev: eth0, encap: endBpf(state, w.load(2)) });
    // IPv6 with a routing header of two segments, of which this is the last but one.
    const srh = [59, 4, 4, 1, 1, 0, 0, 0, ...parseIpv6('2001:db8:2::1'), ...parseIpv6(segment)];
    const header = [0x60, 0, 0, 0, 0, srh.length, 43, 64, ...parseIpv6('2001:db8::9'), ...parseIpv6(segment)];
    routeInput(eth0, Uint8Array.from([...header, ...srh]));
  }),
  20: row('net/src/lirc/remote.ts', 'sample', 'a remote control sends a pulse', (w) => {
    const receiver = receiversOf(w.kernel.state).add();
    w.attach(w.must('receiver', w.kernel.open('/dev/lirc0', 0)), w.load(), BPF_LIRC_MODE2);
    receiver.send([100]);
  }),
  21: row('net/src/reuseport/select.ts', 'askProgram', 'a packet is for sockets that share a port', (w) => {
    const open = () => w.kernel.net.openReceiver({ protocol: 'udp', local: { port: 53 }, reuseport: true });
    const sockets = [open(), open()];
    w.must('program', w.kernel.setsockopt(sockets[0]?.fd ?? -1, 1, 52, int(w.load())));
    w.receive();
  }),
  22: row('net/src/flow/dissect.ts', 'dissect', 'a packet is hashed', (w) => {
    w.attach(0, w.load(0), BPF_FLOW_DISSECTOR);
    const eth0 = w.kernel.net.device('eth0');
    eth0.steering = true;
    w.receive();
  }),
  23: row('cgroup/src/sysctl/hook.ts', 'sysctl', 'a task of a cgroup reads or writes /proc/sys', (w) => {
    w.atCgroup(BPF_CGROUP_SYSCTL).readSysctl('net.core.somaxconn');
  }),
  24: row('tracing/src/raw-tracepoint/open.ts', 'rawTracepoint', 'a tracepoint with a buffer fires', (w) => {
    w.must('raw tracepoint', w.kernel.bpf(BPF_RAW_TRACEPOINT_OPEN, { prog_fd: w.load(), name: 'bpf_test_finish' }));
    const prog_fd = w.load(2, { type: BPF_PROG_TYPE_XDP });
    w.kernel.bpf(BPF_PROG_TEST_RUN, { prog_fd, data_in: new Uint8Array(64) });
    return w.runs - 1;
  }),
  25: row('cgroup/src/sockopt/hook.ts', 'sockopt', 'a task of a cgroup gets or sets a socket option', (w) => {
    const socket = w.atCgroup(BPF_CGROUP_GETSOCKOPT).socket({ family: 2, type: 1 });
    if (typeof socket !== 'number') socket.getsockopt(1, 7);
  }),
  26: row('trampoline/src/trampolines.ts', 'Trampolines', 'a function it is attached to is called', ({ kernel }) => {
    const target = openObject(fixture('packages/tracing/test/fixtures/target.bpf.o'), { sys: kernel }).load();
    const obj = openObject(fixture('packages/tracing/test/fixtures/trace.bpf.o'), { sys: kernel });
    for (const prog of obj.progs) prog.autoload = prog.name === 'before_main';
    obj.program('before_main').setAttachTarget({ prog: target.program('xdp_main') });
    obj.load();
    obj.program('before_main').attach();
    target.program('xdp_main').attachXdp(kernel.net.device('eth0'));
    const { runs } = kernel.tracing.runs.during(() => kernel.net.device('eth0').receive(new Uint8Array(64)));
    return runs.length;
  }),
  27: row('net/src/tcp/ca/bpf-control.ts', 'CongestionControl', 'a TCP connection uses the table', ({ kernel }) => {
    const obj = openObject(fixture('examples/tcp-congestion/reno.bpf.o'), { sys: kernel });
    obj.load();
    obj.attach();
    const sim = kernel.tcp.simulate({ links: [{ rateBps: 100e6, delayNs: 10e6 }] });
    const flow = sim.addFlow({ cc: 'bpf_reno', bytes: 200_000 });
    const { cwnd } = flow.sender;
    sim.runUntil(1e9);
    // Nobody but the table's programs opens the window.
    const opened = flow.sender.cwnd - cwnd;
    sim.close();
    return opened;
  }),
  28: row('trampoline/src/trampolines.ts', 'Trampolines', 'the function it replaces is called', ({ kernel }) => {
    const target = openObject(fixture('packages/tracing/test/fixtures/target.bpf.o'), { sys: kernel }).load();
    const obj = openObject(fixture('packages/tracing/test/fixtures/extension.bpf.o'), { sys: kernel });
    for (const prog of obj.progs) prog.autoload = prog.name === 'drop_all';
    obj.program('drop_all').setAttachTarget({ prog: target.program('xdp_main') });
    obj.load();
    const eth0 = kernel.net.device('eth0');
    target.program('xdp_main').attachXdp(eth0);
    const before = eth0.receive(new Uint8Array(64)).action;
    obj.program('drop_all').attach();
    return before === 'XDP_PASS' && eth0.receive(new Uint8Array(64)).action === 'XDP_DROP' ? 1 : 0;
  }),
};
