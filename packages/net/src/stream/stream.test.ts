// SPDX-License-Identifier: MIT
// What sockets of socket maps do by the rules of v5.6, where later kernels do otherwise. The rest is compared with a
// running kernel: tools/net-differential.
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE_SOCKMAP,
  BPF_PROG_ATTACH,
  BPF_PROG_TYPE_SK_MSG,
  BPF_PROG_TYPE_SK_SKB,
  BPF_SK_MSG_VERDICT,
  BPF_SK_SKB_STREAM_PARSER,
  BPF_SK_SKB_STREAM_VERDICT,
  EACCES,
  EAGAIN,
  ECONNRESET,
  EINVAL,
  ELOOP,
  ENOMEM,
  EPIPE,
  type UsageError,
} from '@tsbpf/uapi';
import { TestMap, u32s } from '@tsbpf/testkit';
import { nativeKernel, type NativeRun } from '../../test/native-kernel.ts';
import { MAX_MSG_FRAGS, SkMsg } from './sk-msg.ts';
import { STREAM_RULES } from './rules.ts';

type Body = (run: NativeRun) => number;

const world = (progs: { message?: Body; parser?: Body; verdict?: Body } = {}) => {
  const { kernel, net, prog } = nativeKernel();
  const map = new TestMap(kernel, { map_type: BPF_MAP_TYPE_SOCKMAP, key_size: 4, value_size: 4, max_entries: 8 });
  const attach = (attach_type: number, type: number, body: Body | undefined): void => {
    if (body === undefined) return;
    const attr = { target_fd: map.fd, attach_bpf_fd: prog(type, body).fd, attach_type };
    expect(kernel.bpf(BPF_PROG_ATTACH, attr)).toBe(0);
  };
  attach(BPF_SK_MSG_VERDICT, BPF_PROG_TYPE_SK_MSG, progs.message);
  attach(BPF_SK_SKB_STREAM_PARSER, BPF_PROG_TYPE_SK_SKB, progs.parser);
  attach(BPF_SK_SKB_STREAM_VERDICT, BPF_PROG_TYPE_SK_SKB, progs.verdict);
  const [a, b] = net.connectStreams();
  const [c, d] = net.connectStreams({ client: { ip: '127.0.0.1', port: 5 }, server: { ip: '127.0.0.1', port: 6 } });
  [a, b, c, d].forEach(({ fd }, at) => expect(map.update(u32s(at), u32s(fd))).toBe(0));
  const mapOff = (): number => {
    const file = kernel.state.fds.get(map.fd, 'map');
    return typeof file === 'number' ? 0 : file.map.off;
  };
  return { kernel, net, map, mapOff, a, b, c, d };
};
const length = (
  run: NativeRun,
  kernel: { state: { mem: { read32(off: number): number }; types: { resolve(path: string): { off: number } } } },
): number => kernel.state.mem.read32(run.ctx + kernel.state.types.resolve('sk_buff.len').off);

describe('streams', () => {
  it('carry bytes until they end', () => {
    const { net } = nativeKernel();
    const [a, b] = net.connectStreams();
    expect([a.send('hello'), a.send(' world'), b.text(), b.receive()]).toEqual([5, 6, 'hello world', -EAGAIN]);
    a.shutdown();
    expect([b.receive(), a.send('x')]).toEqual([new Uint8Array(0), -EPIPE]);
    b.send('unread');
    a.close();
    expect([b.send('x'), b.receive()]).toEqual([-ECONNRESET, new Uint8Array(0)]);
  });
});

describe('messages in v5.6', () => {
  it('a verdict drops for good', () => {
    let runs = 0;
    const { a, b } = world({ message: () => ++runs && 0 });
    expect([a.send('one'), a.send('two'), runs, b.text()]).toEqual([-EACCES, -EACCES, 1, '']);
  });

  it('dropping what was gathered answers a count below zero', () => {
    let runs = 0;
    const { a } = world({
      message(run) {
        if (++runs > 1) return 0;
        run.helper('bpf_msg_cork_bytes', run.ctx, 8);
        return 1;
      },
    });
    // Nine bytes are dropped, of which this call brought four.
    expect([a.send('12345'), a.send('6789')]).toEqual([5, -5]);
  });

  it('ingress redirects of a part lose the rest of the element', () => {
    const made: { off?: number } = {};
    const { a, c, d, mapOff } = world({
      message(run) {
        run.helper('bpf_msg_apply_bytes', run.ctx, 4);
        return Number(run.helper('bpf_msg_redirect_map', run.ctx, made.off ?? 0, 2, 1));
      },
    });
    made.off = mapOff();
    expect([a.send('0123456789'), c.text(), d.text()]).toEqual([10, '0123', '']);
  });

  it('the direction of a redirect is forgotten between calls', () => {
    const made: { off?: number } = {};
    const { a, c, d, mapOff } = world({
      message(run) {
        run.helper('bpf_msg_apply_bytes', run.ctx, 6);
        return Number(run.helper('bpf_msg_redirect_map', run.ctx, made.off ?? 0, 2, 1));
      },
    });
    made.off = mapOff();
    expect([a.send('abc'), a.send('def'), c.text(), d.text()]).toEqual([3, 3, 'abc', 'def']);
  });

  it('cannot grow at their end, nor lose their last byte', () => {
    const answers: number[] = [];
    const { a, b } = world({
      message(run) {
        const ask = (name: 'bpf_msg_push_data' | 'bpf_msg_pop_data', start: number, len: number, flags = 0): void =>
          void answers.push(Number(run.helper(name, run.ctx, start, len, flags)));
        ask('bpf_msg_push_data', 4, 2);
        ask('bpf_msg_push_data', 0, 0);
        ask('bpf_msg_push_data', 0, 2, 1);
        ask('bpf_msg_pop_data', 2, 2);
        ask('bpf_msg_pop_data', 4, 1);
        ask('bpf_msg_pop_data', 1, 2);
        answers.push(Number(run.helper('bpf_msg_pull_data', run.ctx, 2, 2, 0)));
        answers.push(Number(run.helper('bpf_msg_pull_data', run.ctx, 0, 9, 0)));
        return 1;
      },
    });
    a.send('wxyz');
    expect(answers).toEqual([-EINVAL, -ENOMEM, -EINVAL, -EINVAL, -EINVAL, 0, -EINVAL, -EINVAL]);
    expect(b.text()).toBe('wz');
  });

  it('of several elements are popped at the wrong place: where that corrupts them, it is said', () => {
    let pop: readonly [number, number] = [0, 0];
    const { a } = world({
      message(run) {
        // Two elements, of 3 and 7 bytes, become three: 3, 4 pushed, 7.
        run.helper('bpf_msg_push_data', run.ctx, 3, 4, 0);
        run.helper('bpf_msg_pop_data', run.ctx, ...pop, 0);
        return 1;
      },
    });
    pop = [12, 1];
    expect(() => a.send('0123456789')).toThrow(/corrupts the message/);
  });

  it('have a limit of elements, beyond which pushing copies', () => {
    const { a, b, kernel } = world({
      message(run) {
        const msg = new SkMsg(kernel.state, run.ctx);
        while (msg.count < MAX_MSG_FRAGS) run.helper('bpf_msg_push_data', run.ctx, 0, 1, 0);
        expect(run.helper('bpf_msg_push_data', run.ctx, msg.size - 1, 1, 0)).toBe(0n);
        expect(msg.count).toBe(MAX_MSG_FRAGS);
        return 1;
      },
    });
    expect(a.send('xy')).toBe(2);
    const got = b.receive();
    expect(got).toHaveLength(2 + 16 + 1);
  });
});

describe('stream parsers in v5.6', () => {
  it('bring the whole sk_buff with each message in it', () => {
    const { a, b } = world({ parser: () => 4, verdict: () => 1 });
    a.send('aaaabbbbcc');
    // Two whole messages, each with all ten bytes; two bytes wait for more.
    expect(b.text()).toBe('aaaabbbbccaaaabbbbcc');
  });

  it('let readers take what they wait for', () => {
    const { a, b } = world({ parser: () => 8, verdict: () => 1 });
    a.send('1234');
    a.send('56');
    expect(b.text()).toBe('56');
  });

  it.each([
    [-7, 7],
    [200_000, 90],
  ])('that answer %i give up with errno %i, which readers see outside of maps; the rest stays', (answer, errno) => {
    const { a, b, map } = world({ parser: () => answer, verdict: () => 1 });
    a.send('rest');
    expect([b.receive(), b.receive()]).toEqual([new TextEncoder().encode('rest'), -EAGAIN]);
    expect(map.delete(u32s(1))).toBe(0);
    expect([b.receive(), b.receive()]).toEqual([-errno, -EAGAIN]);
  });

  it('are left by sockets that leave their map, with what they have', () => {
    const { a, b, map } = world({ parser: () => 8, verdict: () => 1 });
    a.send('1234');
    expect(map.delete(u32s(1))).toBe(0);
    a.send('5678');
    expect(b.text()).toBe('5678');
  });

  it('verdicts that send in circles are stopped', () => {
    const made: { off?: number } = {};
    const { a, mapOff, kernel } = world({
      parser: (run) => length(run, kernel),
      verdict: (run) => Number(run.helper('bpf_sk_redirect_map', run.ctx, made.off ?? 0, 0, 0)),
    });
    made.off = mapOff();
    expect(() => a.send('x')).toThrow(expect.objectContaining({ errno: ELOOP } satisfies Partial<UsageError>));
  });

  it('messages are lost where the target has left, and dropped by other verdicts', () => {
    const made: { off?: number; verdict?: number } = { verdict: 1 };
    const { a, b, c, map, mapOff, kernel } = world({
      parser: (run) => length(run, kernel),
      verdict: (run) => (Number(run.helper('bpf_sk_redirect_map', run.ctx, made.off ?? 0, 2, 1)), made.verdict ?? 0),
    });
    made.off = mapOff();
    a.send('first');
    expect(c.text()).toBe('first');
    made.verdict = 7;
    a.send('second');
    made.verdict = 1;
    expect(map.delete(u32s(2))).toBe(0);
    a.send('third');
    // Nothing was chosen: the helper says so, and the message is the socket's own.
    expect([b.text(), c.text()]).toEqual(['third', '']);
  });
});

describe('streams that end, in a map of v5.6', () => {
  it('tell a reader once, and not at all where bytes come with it', () => {
    const { a, b, c, d } = world({ message: () => 1 });
    a.shutdown();
    expect([b.receive(), b.receive()]).toEqual([new Uint8Array(0), -EAGAIN]);
    c.send('last');
    c.shutdown();
    expect([d.text(), d.receive()]).toEqual(['last', -EAGAIN]);
  });

  it('are taken in by a parser that looks, and lie behind one that waits', () => {
    const whole = world({ parser: () => 4, verdict: () => 1 });
    whole.a.send('1234');
    whole.a.shutdown();
    expect([whole.b.text(), whole.b.receive()]).toEqual(['1234', -EAGAIN]);
    const part = world({ parser: () => 4, verdict: () => 1 });
    part.a.send('12');
    part.a.shutdown();
    expect([part.b.receive(), part.b.receive()]).toEqual([new Uint8Array(0), -EAGAIN]);
  });

  it('leave their maps when both ends have said so', () => {
    const { a, b, map } = world({ message: () => 1 });
    a.shutdown();
    expect(map.delete(u32s(0))).toBe(0);
    b.shutdown();
    expect([map.delete(u32s(1)), b.receive(), b.receive()]).toEqual([-EINVAL, new Uint8Array(0), new Uint8Array(0)]);
  });

  it('do not stop message programs, which may send elsewhere; a redirect that failed holds', () => {
    const made: { off?: number; to?: number } = { to: 2 };
    let runs = 0;
    const { a, c, d, mapOff } = world({
      message(run) {
        runs++;
        return Number(run.helper('bpf_msg_redirect_map', run.ctx, made.off ?? 0, made.to ?? 0, 0));
      },
    });
    made.off = mapOff();
    a.shutdown();
    expect([a.send('one'), d.text(), runs]).toEqual([3, 'one', 1]);
    c.shutdown();
    made.to = 3;
    expect([a.send('two'), d.text(), runs]).toEqual([3, '', 2]);
  });

  it('keep an error for later calls, but for a broken pipe', () => {
    const { a, b } = world({ message: () => 1, parser: () => -7, verdict: () => 1 });
    a.send('x');
    expect([b.send('y'), b.send('y')]).toEqual([-7, -7]);
  });

  it('give back what they gathered when they close', () => {
    const { kernel, a, c } = world({ message: (run) => (run.helper('bpf_msg_cork_bytes', run.ctx, 100), 1) });
    c.send('page');
    const before = kernel.state.mem.liveRegions;
    a.send('x');
    const gathered = kernel.state.mem.liveRegions;
    a.close();
    expect([gathered > before, kernel.state.mem.liveRegions < before]).toEqual([true, true]);
  });
});

it('each rule has a name of its own', () => {
  expect(new Set(STREAM_RULES.map(({ name }) => name)).size).toBe(STREAM_RULES.length);
});

it('a run leaves no memory behind', () => {
  const { kernel, a, b, map } = world({ message: (run) => (run.helper('bpf_msg_push_data', run.ctx, 0, 3, 0), 1) });
  a.send('warm');
  b.text();
  const before = kernel.state.mem.liveRegions;
  for (let i = 0; i < 50; i++) a.send('again');
  b.text();
  expect(kernel.state.mem.liveRegions).toBe(before);
  expect(map.delete(u32s(0))).toBe(0);
});
