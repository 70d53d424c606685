// SPDX-License-Identifier: MIT
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { ModuleBuilder } from '@tsbpf/wasm';

/** @errno ENOSYS NotSupportedError: there is no WebAssembly, or a content security policy forbids to compile it */
export function requireWasm(): void {
  const why = whyNoWasm();
  if (why === undefined) return;
  throw new NotSupportedError(`the JIT needs WebAssembly: ${why.message}; use the interpreter`, {
    errno: ENOSYS,
    feature: 'WebAssembly',
    cause: why.cause,
  });
}

function whyNoWasm(): { message: string; cause?: unknown } | undefined {
  if (typeof WebAssembly !== 'object' || typeof WebAssembly.Module !== 'function') {
    return { message: 'there is none here' };
  }
  try {
    new WebAssembly.Module(new ModuleBuilder().encode());
    return undefined;
  } catch (cause) {
    return { message: 'it may not be compiled here (content security policy without wasm-unsafe-eval)', cause };
  }
}

/** Whether the Wasm engine replaces frames (return_call): Node 20, Chromium 112, Firefox 121 and Safari 18.2 do. */
export function supportsTailCalls(): boolean {
  const module = new ModuleBuilder();
  const fn = module.func();
  fn.returnCall(fn);
  return WebAssembly.validate(module.encode());
}
