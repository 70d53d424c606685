// SPDX-License-Identifier: MIT
// A socket's tcp_sock in kernel memory, laid out by the kernel's BTF: what programs read and write.
import { InternalError } from '@tsbpf/uapi';
import type { KernelField, KernelServices } from '@tsbpf/core';
import { writeField, writePointerField } from '../../dev/fields.ts';
import type { TcpSock } from './tcp-sock.ts';

const NONE = -1;
const ICSK = 'tcp_sock.inet_conn';

/** Members of 32 bits or fewer that change while a connection lives; a member the BTF lacks is left out. */
const WORDS = [
  'snd_cwnd',
  'snd_cwnd_cnt',
  'snd_cwnd_clamp',
  'snd_cwnd_stamp',
  'snd_ssthresh',
  'prior_cwnd',
  'prior_ssthresh',
  'prr_delivered',
  'prr_out',
  'delivered',
  'delivered_ce',
  'lost',
  'packets_out',
  'retrans_out',
  'lost_out',
  'sacked_out',
  'max_packets_out',
  'max_packets_seq',
  'reordering',
  'snd_una',
  'snd_nxt',
  'write_seq',
  'high_seq',
  'undo_marker',
  'retrans_stamp',
  'rcv_nxt',
  'rcv_wup',
  'copied_seq',
  'srtt_us',
  'mdev_us',
  'mdev_max_us',
  'rttvar_us',
  'rtt_seq',
  'total_retrans',
  'segs_out',
  'segs_in',
  'data_segs_out',
  'data_segs_in',
  'lsndtime',
] as const;
const LONGS = [
  'bytes_acked',
  'bytes_received',
  'bytes_sent',
  'bytes_retrans',
  'tcp_mstamp',
  'tcp_clock_cache',
  'delivered_mstamp',
  'first_tx_mstamp',
] as const;

type Offsets<Names extends readonly string[]> = Record<Names[number], number>;

interface BitPlace {
  readonly off: number;
  readonly shift: number;
  readonly mask: number;
}

function bitPlace(field: KernelField | undefined): BitPlace | undefined {
  if (field === undefined) return undefined;
  if (field.bits === 0) return { off: field.off, shift: 0, mask: 0xff };
  const shift = field.bitOff % 8;
  return { off: field.off + Math.floor(field.bitOff / 8), shift, mask: (2 ** field.bits - 1) << shift };
}

/** Copies sockets to kernel memory and back, by the layouts of one kernel. */
export class SockMirror {
  readonly #kernel: KernelServices;
  readonly #word: Offsets<typeof WORDS>;
  readonly #long: Offsets<typeof LONGS>;
  readonly #caState: BitPlace | undefined;
  readonly #cwndLimited: BitPlace | undefined;
  readonly #ecnFlags: BitPlace;
  readonly #ecnWord: boolean;
  readonly #pending: BitPlace;
  readonly #rttMin: number;
  readonly #rto: number;
  readonly #retransmits: BitPlace | undefined;
  readonly #backoff: BitPlace | undefined;
  readonly #cbFlags: number;
  readonly #sndbuf: number;

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    const { types } = kernel;
    const at = (path: string): number => types.tryResolve(path)?.off ?? NONE;
    const all = <N extends readonly string[]>(names: N): Offsets<N> =>
      Object.fromEntries(names.map((name) => [name, at(`tcp_sock.${name}`)])) as Offsets<N>;
    this.#word = all(WORDS);
    this.#long = all(LONGS);
    this.#caState = bitPlace(types.tryResolve(`${ICSK}.icsk_ca_state`));
    this.#cwndLimited = bitPlace(types.tryResolve('tcp_sock.is_cwnd_limited'));
    const ecn = types.resolve('tcp_sock.ecn_flags');
    this.#ecnFlags = { off: ecn.off, shift: 0, mask: 0xff };
    this.#ecnWord = ecn.size > 1;
    const pending = bitPlace(types.resolve(`${ICSK}.icsk_ack.pending`));
    if (pending === undefined) throw new InternalError('icsk_ack.pending left the BTF');
    this.#pending = pending;
    this.#rttMin = at('tcp_sock.rtt_min.s[0].v');
    this.#rto = at(`${ICSK}.icsk_rto`);
    this.#retransmits = bitPlace(types.tryResolve(`${ICSK}.icsk_retransmits`));
    this.#backoff = bitPlace(types.tryResolve(`${ICSK}.icsk_backoff`));
    this.#cbFlags = at('tcp_sock.bpf_sock_ops_cb_flags');
    this.#sndbuf = at('sock.sk_sndbuf');
  }

  /** Writes what stays as it is. */
  begin(sk: TcpSock, peerWindow: number): void {
    const set = (path: string, value: number): void => writeField(this.#kernel, sk.off, path, value);
    set('tcp_sock.mss_cache', sk.mss);
    set('tcp_sock.advmss', sk.mss);
    set(`${ICSK}.icsk_ack.rcv_mss`, sk.mss);
    set('tcp_sock.snd_wnd', peerWindow);
    set('tcp_sock.rcv_wnd', peerWindow);
    set('tcp_sock.max_window', peerWindow);
    for (const option of ['tstamp_ok', 'sack_ok', 'wscale_ok']) set(`tcp_sock.rx_opt.${option}`, 1);
    if (sk.ca.tableOff !== undefined) {
      writePointerField(this.#kernel, sk.off, `${ICSK}.icsk_ca_ops`, sk.ca.tableOff);
    }
    this.push(sk);
  }

  /** The socket has another congestion control, which finds an empty private area. */
  changeControl(sk: TcpSock): void {
    const area = this.#kernel.types.resolve(`${ICSK}.icsk_ca_priv`);
    this.#kernel.mem.fill(sk.off + area.off, area.size, 0);
    writePointerField(this.#kernel, sk.off, `${ICSK}.icsk_ca_ops`, sk.ca.tableOff ?? 0);
  }

  push(sk: TcpSock): void {
    const { clock } = sk;
    clock.syncKernel();
    const { view } = this.#kernel.mem;
    const base = sk.off;
    const w = this.#word;
    const put = (off: number, value: number): void => {
      if (off !== NONE) view.setUint32(base + off, value, true);
    };
    const put64 = (off: number, value: number): void => {
      if (off === NONE) return;
      view.setUint32(base + off, value >>> 0, true);
      view.setUint32(base + off + 4, Math.floor(value / 4294967296), true);
    };
    const bits = (place: BitPlace | undefined, value: number): void => {
      if (place === undefined) return;
      const byte = base + place.off;
      view.setUint8(byte, (view.getUint8(byte) & ~place.mask) | ((value << place.shift) & place.mask));
    };
    put(w.snd_cwnd, sk.cwnd);
    put(w.snd_cwnd_cnt, sk.cwndCnt);
    put(w.snd_cwnd_clamp, sk.cwndClamp);
    put(w.snd_cwnd_stamp, sk.cwndStamp);
    put(w.snd_ssthresh, sk.ssthresh);
    put(w.prior_cwnd, sk.priorCwnd);
    put(w.prior_ssthresh, sk.priorSsthresh);
    put(w.prr_delivered, sk.prrDelivered);
    put(w.prr_out, sk.prrOut);
    put(w.delivered, sk.delivered);
    put(w.delivered_ce, sk.deliveredCe);
    put(w.lost, sk.lost);
    put(w.packets_out, sk.packetsOut);
    put(w.retrans_out, sk.retransOut);
    put(w.lost_out, sk.lostOut);
    put(w.sacked_out, sk.sackedOut);
    put(w.max_packets_out, sk.maxPacketsOut);
    put(w.max_packets_seq, sk.seqOf(sk.maxPacketsSeq));
    put(w.reordering, sk.reordering);
    put(w.snd_una, sk.seqOf(sk.sndUna));
    put(w.snd_nxt, sk.seqOf(sk.sndNxt));
    put(w.write_seq, sk.seqOf(sk.sndNxt));
    put(w.high_seq, sk.seqOf(sk.highSeq));
    put(w.undo_marker, sk.undoMarker < 0 ? 0 : sk.seqOf(sk.undoMarker));
    put(w.retrans_stamp, sk.retransStampNs < 0 ? 0 : clock.timestampMs(sk.retransStampNs));
    put(w.rcv_nxt, sk.seqOf(sk.rcvNxt));
    put(w.rcv_wup, sk.seqOf(sk.rcvWup));
    put(w.copied_seq, sk.seqOf(sk.rcvNxt));
    put(w.srtt_us, sk.srttUs);
    put(w.mdev_us, sk.mdevUs);
    put(w.mdev_max_us, sk.mdevMaxUs);
    put(w.rttvar_us, sk.rttvarUs);
    put(w.rtt_seq, sk.seqOf(sk.rttSeq));
    put(w.total_retrans, sk.totalRetrans);
    put(w.segs_out, sk.segsOut);
    put(w.segs_in, sk.segsIn);
    put(w.data_segs_out, sk.dataSegsOut);
    put(w.data_segs_in, sk.dataSegsIn);
    put(w.lsndtime, clock.jiffiesAt(sk.lastSentNs));
    put(this.#rttMin, sk.minRttUs);
    put(this.#sndbuf, sk.sndbuf);
    put(this.#rto, Math.round((sk.rtoNs * clock.hz) / 1e9));
    const l = this.#long;
    put64(l.bytes_acked, sk.bytesBefore(sk.sndUna));
    put64(l.bytes_received, sk.rcvNxt * sk.mss);
    put64(l.bytes_sent, sk.bytesBefore(sk.sndNxt) + sk.bytesRetrans);
    put64(l.bytes_retrans, sk.bytesRetrans);
    put64(l.tcp_mstamp, clock.mstampUs(clock.nowNs));
    put64(l.tcp_clock_cache, clock.mstampUs(clock.nowNs) * 1000);
    put64(l.delivered_mstamp, clock.mstampUs(sk.deliveredNs));
    put64(l.first_tx_mstamp, clock.mstampUs(sk.firstTxNs));
    bits(this.#caState, sk.caState);
    bits(this.#cwndLimited, sk.isCwndLimited ? 1 : 0);
    bits(this.#retransmits, sk.retransmits);
    bits(this.#backoff, sk.backoff);
    bits(this.#pending, sk.ackPending);
    bits(this.#ecnFlags, sk.ecnFlags);
    if (this.#cbFlags !== NONE) view.setUint8(base + this.#cbFlags, sk.sockOpsFlags);
    if (this.#ecnWord) view.setUint8(base + this.#ecnFlags.off + 1, 0);
  }

  pull(sk: TcpSock): void {
    const { view } = this.#kernel.mem;
    const base = sk.off;
    const w = this.#word;
    sk.cwnd = view.getUint32(base + w.snd_cwnd, true);
    sk.cwndCnt = view.getUint32(base + w.snd_cwnd_cnt, true);
    sk.ssthresh = view.getUint32(base + w.snd_ssthresh, true);
    if (w.snd_cwnd_clamp !== NONE) sk.cwndClamp = view.getUint32(base + w.snd_cwnd_clamp, true);
    sk.ecnFlags = view.getUint8(base + this.#ecnFlags.off);
    const { off, mask, shift } = this.#pending;
    sk.ackPending = (view.getUint8(base + off) & mask) >> shift;
    if (this.#cbFlags !== NONE) sk.sockOpsFlags = view.getUint8(base + this.#cbFlags);
  }
}
