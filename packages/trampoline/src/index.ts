// SPDX-License-Identifier: MIT
export { CONSERVATIVE_MODEL, funcModel, MAX_TRAMPOLINE_ARGS, type FuncModel } from './func-model.ts';
export { contextBytes, restoreArgs, restoreResult, storeArgs, storeResult } from './args.ts';
export { trampolineTarget, type TrampolineTarget } from './target.ts';
export { MAX_TRAMPOLINE_PROGS, Trampoline, type TrampolineKind, type TrampolineRun } from './trampoline.ts';
export { Trampolines } from './trampolines.ts';
