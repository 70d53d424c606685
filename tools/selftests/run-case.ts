// SPDX-License-Identifier: MIT
// One case on one system: maps, patches, load, runs.
import {
  BPF_BTF_LOAD,
  BPF_F_ANY_ALIGNMENT,
  BPF_F_STRICT_ALIGNMENT,
  BPF_F_TEST_RND_HI32,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  NotSupportedError,
  errnoName,
} from '../../packages/uapi/src/index.ts';
import type { ProgLoadAttr, Sys, TestRunAttr } from '../../packages/uapi/src/index.ts';
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF, btfBlob, btfNames } from './btf-blob.ts';
import type { FixupKind, SelftestCase, SelftestTable } from './cases.ts';
import { EnvironmentLacks, createFixupMap } from './fixup-maps.ts';
import { setImm } from './insn-bytes.ts';

const SOCKET_FILTER = 1;
const TRACING = 26;
const LSM = 29;
const BPF_TRACE_RAW_TP = 23;
const BPF_LSM_MAC = 27;
const BPF_TRACE_ITER = 28;
const LOG_STATS = 4;
const LOG_LEVEL_2 = 2;
/** Bytes of log, as Linux's test_verifier asks for. */
const LOG_BYTES = 0xffffff;
const DATA_OUT_BYTES = 256;
const FUNC_INFO_BYTES = 8;

/** What a kernel said about a case. */
export interface Answer {
  accepts: boolean;
  /** Positive; 0 where it accepts. */
  errno: number;
  /** The log's last line that is no statistics; null where it accepts or says nothing. */
  message: string | null;
  /** Of the log's statistics; null where it has none. */
  insns: number | null;
  total_states: number | null;
  peak_states: number | null;
  /** Results of the runs that ran. */
  retvals: number[];
}

/** The system could not judge, and why; `threw …` is a defect of the system. */
export interface NoAnswer {
  env: string;
}

/** Runs cases on a system; keeps what they share. */
export interface CaseRunner {
  run(test: SelftestCase): Answer | NoAnswer;
  /** The log of the last load, statistics included. */
  lastLog(): string;
}

/** Message and counts of a log. */
export function parseLog(log: string, accepts: boolean): Omit<Answer, 'accepts' | 'errno' | 'retvals'> {
  const stats = /^processed (\d+) insns .*total_states (\d+) peak_states (\d+)/m.exec(log);
  const lines = log
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(processed \d+ insns|verification time|stack depth) /.test(line));
  const count = (i: number): number | null => (stats === null ? null : Number(stats[i]));
  return {
    message: accepts ? null : (lines.at(-1)?.trim() ?? null),
    insns: count(1),
    total_states: count(2),
    peak_states: count(3),
  };
}

/** Options of {@link createCaseRunner}. */
export interface RunnerOptions {
  /** Extra bits of the log level, such as 1 for instructions; the message may differ then. */
  logLevel?: number;
}

/** Creates a runner. */
export function createCaseRunner(sys: Sys, table: SelftestTable, options: RunnerOptions = {}): CaseRunner {
  const logBuf = new Uint8Array(LOG_BYTES);
  const decoder = new TextDecoder();
  let vmlinux: ((kind: number, name: string) => number) | undefined;
  let log = '';

  const kernelFunction = (kind: number, name: string): number => {
    if (vmlinux === undefined) {
      const blob = sys.readFile('/sys/kernel/btf/vmlinux');
      vmlinux = typeof blob === 'number' ? () => 0 : btfNames(blob);
    }
    return vmlinux(kind, name);
  };

  const attachBtfId = (test: SelftestCase, name: string): number => {
    const attach = test.expectedAttachType;
    const id =
      attach === BPF_TRACE_RAW_TP
        ? kernelFunction(BTF_KIND_TYPEDEF, `btf_trace_${name}`)
        : kernelFunction(
            BTF_KIND_FUNC,
            attach === BPF_LSM_MAC ? `bpf_lsm_${name}` : attach === BPF_TRACE_ITER ? `bpf_iter_${name}` : name,
          );
    if (id === 0) throw new EnvironmentLacks(`${name} not found in vmlinux BTF`);
    return id;
  };

  const prepare = (test: SelftestCase, opened: number[]): ProgLoadAttr => {
    const progType = test.progType === 0 ? SOCKET_FILTER : test.progType;
    const insns = test.insns.slice();
    for (const [kind, places] of Object.entries(test.fixups)) {
      const fd = createFixupMap(sys, table, kind as FixupKind, progType, opened);
      // The places are of the table's program, which a generated one replaces.
      if (!test.generated) for (const place of places) setImm(insns, place, fd);
    }
    for (const { name, insnIdx } of test.kfuncs) setImm(insns, insnIdx, kernelFunction(BTF_KIND_FUNC, name));
    const attr: ProgLoadAttr = {
      prog_type: progType,
      expected_attach_type: test.expectedAttachType,
      insns,
      license: 'GPL',
      log_level: (test.result === 'verbose_accept' ? LOG_LEVEL_2 : LOG_STATS) | (options.logLevel ?? 0),
      log_buf: logBuf,
      prog_flags: progFlags(test.flags),
    };
    if (test.attachTo !== null && (progType === TRACING || progType === LSM))
      attr.attach_btf_id = attachBtfId(test, test.attachTo);
    if (test.btfTypes !== undefined && test.btfStrings !== undefined) {
      const fd = sys.bpf(BPF_BTF_LOAD, { btf: btfBlob(test.btfTypes, test.btfStrings) });
      if (fd < 0) throw new EnvironmentLacks(`BTF: ${errnoName(-fd)}`);
      opened.push(fd);
      attr.prog_btf_fd = fd;
    }
    if (test.funcInfo !== undefined) {
      attr.func_info = test.funcInfo;
      attr.func_info_rec_size = FUNC_INFO_BYTES;
    }
    return attr;
  };

  const testRuns = (test: SelftestCase, progFd: number): number[] =>
    test.runs.flatMap(({ data }) => {
      const run: TestRunAttr = {
        prog_fd: progFd,
        data_in: data.slice(),
        data_out: new Uint8Array(DATA_OUT_BYTES),
        repeat: 1,
      };
      return sys.bpf(BPF_PROG_TEST_RUN, run) < 0 ? [] : [run.retval ?? 0];
    });

  return {
    lastLog: () => log,
    run(test) {
      const opened: number[] = [];
      log = '';
      try {
        const attr = prepare(test, opened);
        logBuf[0] = 0;
        const result = loadRetrying(sys, attr);
        if (result >= 0) opened.push(result);
        const end = logBuf.indexOf(0);
        log = decoder.decode(logBuf.subarray(0, end < 0 ? logBuf.length : end));
        const accepts = result >= 0;
        return {
          accepts,
          errno: accepts ? 0 : -result,
          ...parseLog(log, accepts),
          retvals: accepts ? testRuns(test, result) : [],
        };
      } catch (error) {
        if (error instanceof EnvironmentLacks) return { env: error.message };
        if (error instanceof NotSupportedError) return { env: `not supported: ${error.message}` };
        return { env: `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}` };
      } finally {
        for (const fd of opened.reverse()) sys.close(fd);
      }
    },
  };
}

/** Program flags of a case's flags. */
export function progFlags(flags: number): number {
  const known = BPF_F_TEST_RND_HI32 | (flags & 2 ? BPF_F_STRICT_ALIGNMENT : 0) | (flags & 1 ? BPF_F_ANY_ALIGNMENT : 0);
  return (flags & ~3) !== 0 ? known | flags : known;
}

/** PROG_LOAD answers EAGAIN where a signal came; libbpf tries five times, and so do we. */
function loadRetrying(sys: Sys, attr: ProgLoadAttr): number {
  const EAGAIN = 11;
  let result = -EAGAIN;
  for (let tries = 0; result === -EAGAIN && tries < 5; tries++) result = sys.bpf(BPF_PROG_LOAD, attr);
  return result;
}
