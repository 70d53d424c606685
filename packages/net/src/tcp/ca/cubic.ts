// SPDX-License-Identifier: MIT
// CUBIC: RFC 9438, in whole numbers, so that a program can do exactly the same: windows in thousandths of a segment,
// time in milliseconds. Slow start is the standard one, without HyStart.
import type { TcpSock } from '../sock/tcp-sock.ts';
import { CA_EVENT_TX_START, TCP_CA_LOSS, type CongestionControl } from './congestion-control.ts';
import { slowStart } from './reno.ts';

const MILLI = 1000;
/** beta_cubic 0.7; with fast convergence the plateau is (1 + beta) / 2 of the window. */
const BETA = 700;
const FAST_CONVERGENCE = 850;
/** alpha_cubic 3 (1 - beta) / (1 + beta) = 0.529. */
const ALPHA = 529;
/** C is 0.4 segments per cubic second: thousandths of a segment are cubic milliseconds through this. */
const CUBE_SCALE = 2_500_000;
/** Beyond so many milliseconds from the plateau the window is out of any range: its cube still fits. */
const MAX_MS = 200_000;
const MIN_WINDOW = 2;

/** What CUBIC keeps of a connection. Windows in thousandths of a segment, times of the kernel's clock. */
export interface CubicState {
  wMax: number;
  wMaxPrior: number;
  /** Microseconds; 0 where no epoch runs. */
  epochUs: number;
  epochPriorUs: number;
  lastAckUs: number;
  /** Milliseconds from the epoch's beginning to the plateau, and the plateau. */
  k: number;
  origin: number;
  /** What Reno's window would be, and what is left over of its growth. */
  wEst: number;
  estLeft: number;
  /** The part of the window that is no whole segment. */
  fraction: number;
  /** The window before the last reduction, segments. */
  cwndPrior: number;
  afterTimeout: boolean;
}

export function cubicState(): CubicState {
  return {
    wMax: 0,
    wMaxPrior: 0,
    epochUs: 0,
    epochPriorUs: 0,
    lastAckUs: 0,
    k: 0,
    origin: 0,
    wEst: 0,
    estLeft: 0,
    fraction: 0,
    cwndPrior: 0,
    afterTimeout: false,
  };
}

const stateOf = (sk: TcpSock): CubicState => sk.priv as CubicState;

/** The largest whole number whose cube is not above `value`, which is below 2^53. */
export function cubeRoot(value: number): number {
  let root = 0;
  for (let bit = 1 << 17; bit > 0; bit >>= 1) {
    const next = root + bit;
    if (next * next * next <= value) root = next;
  }
  return root;
}

function beginEpoch(s: CubicState, cwnd: number, nowUs: number): void {
  s.epochUs = nowUs;
  s.fraction = 0;
  s.wEst = cwnd * MILLI;
  s.estLeft = 0;
  if (s.afterTimeout || cwnd * MILLI >= s.wMax) {
    s.k = 0;
    s.origin = cwnd * MILLI;
  } else {
    s.k = cubeRoot((s.wMax - cwnd * MILLI) * CUBE_SCALE);
    s.origin = s.wMax;
  }
  s.afterTimeout = false;
}

/** The window of the cubic curve, so many milliseconds into the epoch. */
export function cubicWindow(s: CubicState, ms: number): number {
  const away = Math.min(ms > s.k ? ms - s.k : s.k - ms, MAX_MS);
  const delta = Math.floor((away * away * away) / CUBE_SCALE);
  if (ms > s.k) return s.origin + delta;
  return s.origin > delta ? s.origin - delta : 0;
}

function grow(sk: TcpSock, acked: number, nowUs: number): void {
  const s = stateOf(sk);
  if (s.epochUs === 0) beginEpoch(s, sk.cwnd, nowUs);
  const own = sk.cwnd * MILLI + s.fraction;
  // What the curve says a round trip from now, within reason.
  const ms = Math.floor((nowUs - s.epochUs + (sk.srttUs >>> 3)) / 1000);
  const target = Math.min(Math.max(cubicWindow(s, ms), own), own + Math.floor(own / 2));
  let window = own + Math.floor((acked * (target - own)) / sk.cwnd);
  // Never slower than Reno.
  s.estLeft += acked * (s.wEst < s.cwndPrior * MILLI ? ALPHA : MILLI);
  s.wEst += Math.floor(s.estLeft / sk.cwnd);
  s.estLeft %= sk.cwnd;
  if (s.wEst > window) window = s.wEst;
  sk.cwnd = Math.min(Math.floor(window / MILLI), sk.cwndClamp);
  s.fraction = window % MILLI;
}

const nowUs = ({ clock }: TcpSock): number => clock.mstampUs(clock.nowNs);

/** Linux's default congestion control. */
export const cubic: CongestionControl = {
  name: 'cubic',
  flags: 1,
  inKernelMemory: false,
  get: () => true,
  put: () => undefined,
  init(sk) {
    sk.priv = cubicState();
  },
  ssthresh(sk) {
    const s = stateOf(sk);
    const window = sk.cwnd * MILLI;
    s.wMaxPrior = s.wMax;
    s.epochPriorUs = s.epochUs;
    s.wMax = window < s.wMax ? sk.cwnd * FAST_CONVERGENCE : window;
    s.cwndPrior = sk.cwnd;
    s.epochUs = 0;
    return Math.max(Math.floor((sk.cwnd * BETA) / MILLI), MIN_WINDOW);
  },
  undoCwnd(sk) {
    const s = stateOf(sk);
    s.wMax = s.wMaxPrior;
    if (s.epochUs === 0) s.epochUs = s.epochPriorUs;
    s.afterTimeout = false;
    return Math.max(sk.cwnd, sk.priorCwnd);
  },
  congAvoid(sk, _ack, acked) {
    const s = stateOf(sk);
    const now = nowUs(sk);
    s.lastAckUs = now;
    if (!sk.windowLimited) return;
    const left = sk.inSlowStart ? slowStart(sk, acked) : acked;
    if (left > 0) grow(sk, left, now);
  },
  setState(sk, state) {
    if (state !== TCP_CA_LOSS) return;
    const s = stateOf(sk);
    s.epochUs = 0;
    s.afterTimeout = true;
  },
  cwndEvent(sk, event) {
    const s = stateOf(sk);
    if (event !== CA_EVENT_TX_START || s.epochUs === 0) return;
    // Time in which nothing was sent is no time of the curve.
    const now = nowUs(sk);
    const idle = now - s.lastAckUs;
    if (idle > 0 && s.lastAckUs !== 0) s.epochUs = Math.min(s.epochUs + idle, now);
  },
  getInfo: (sk) => ({ ...stateOf(sk), afterTimeout: stateOf(sk).afterTimeout ? 1 : 0 }),
};
