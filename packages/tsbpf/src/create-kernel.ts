// SPDX-License-Identifier: MIT
import { cgroupsOf, type Cgroups } from '@tsbpf/cgroup';
import { createKernel as createKernelOf, type EnvOptions, type Kernel } from '@tsbpf/kernel';
import type { ExecObserver, HelperFn, KernelVersion, Registries } from '@tsbpf/core';
import { netOf, tcpOf, type Net, type Tcp } from '@tsbpf/net';
import { tracingOf, type Tracing } from '@tsbpf/tracing';
import { verify } from '@tsbpf/verifier';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import { createEngine, type EngineChoice, type EngineName } from './engine.ts';
import { defaultRegistries } from './registries.ts';

export interface CreateKernelOptions extends EnvOptions {
  /** The Linux version whose rules apply. */
  version?: KernelVersion;
  /** What runs programs: the JIT unless given, and the interpreter where WebAssembly is missing or forbidden. */
  engine?: EngineName;
  /** The interpreter validates every access against live memory: slower, and a net under the verifier. */
  checked?: boolean;
  /** The BTF that kernel structures are laid out by; that of `@tsbpf/vmlinux` unless given. */
  vmlinux?: Uint8Array;
  /** Memory limits in pages of 64 KiB. */
  memory?: { initialPages?: number; maximumPages?: number; shared?: boolean };
  /** RLIMIT_NOFILE. */
  fdLimit?: number;
  /** Ethernet devices besides lo, by name: `eth0` unless given. */
  devices?: readonly string[];
  /** Rows instead of, or besides, the built-in ones: see `defaultRegistries()`. */
  registries?: Registries;
}

/** A simulated Linux. */
export interface SimulatedKernel extends Kernel {
  /** Devices and sockets. */
  readonly net: Net;
  /** Congestion controls, and connections that use them. */
  readonly tcp: Tcp;
  /** The cgroup hierarchy and the tasks in it. */
  readonly cgroups: Cgroups;
  /** Probes, tracepoints and perf events, and a script's means to fire them. */
  readonly tracing: Tracing;
  /** What runs programs, and why: a content security policy may have forbidden the JIT. */
  readonly engine: EngineChoice;
  /** Watches all runs until the returned function is called. */
  observe(observer: ExecObserver): () => void;
  /**
   * Replaces a helper, by the name of its prototype (`bpf_ktime_get_ns`), until the returned function is called.
   * `make` gets what it replaces.
   */
  overrideHelper(variant: string, make: (original: HelperFn | undefined) => HelperFn): () => void;
}

/**
 * Makes a simulated Linux: deterministic, and sharing nothing with other kernels of the process.
 * @errno ENOSYS NotSupportedError: a version that is not simulated, or the JIT was asked for where there is no WebAssembly.
 * @errno EINVAL UsageError: options that do not go together.
 */
export function createKernel(options: CreateKernelOptions = {}): SimulatedKernel {
  const { version = '5.6', engine, checked, vmlinux, memory, fdLimit, registries, ...more } = options;
  const { devices = ['eth0'], ...env } = more;
  const made: { engine?: ReturnType<typeof createEngine> } = {};
  const kernel = createKernelOf({
    version,
    registries: registries ?? defaultRegistries(),
    verify,
    executor: (services) => (made.engine = createEngine(services, { engine, checked })).executor,
    vmlinux: vmlinux ?? vmlinuxBtf(),
    env,
    ...(memory === undefined ? {} : { memory }),
    ...(fdLimit === undefined ? {} : { fdLimit }),
  });
  const net = netOf(kernel.state);
  for (const name of devices) net.createDevice({ name });
  const cgroups = cgroupsOf(kernel.state);
  kernel.state.cgroups = cgroups;
  return {
    ...kernel,
    net,
    tcp: tcpOf(kernel.state),
    cgroups,
    tracing: tracingOf(kernel.state),
    engine: made.engine?.choice ?? { name: kernel.state.executor.name, reason: 'the kernel chose it' },
    observe: (observer) => kernel.state.observe(observer),
    overrideHelper: (variant, make) => kernel.state.overrideHelper(variant, make),
  };
}
