// SPDX-License-Identifier: MIT
// A page in a headless Chromium, and what it reports.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENOENT, EIO, UsageError } from '../../packages/uapi/src/index.ts';
import { ROOT } from './bundle.ts';

/** Debian's. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why there can be no page; undefined where there can. */
export function whyNoBrowser(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `needs the package chromium: there is no ${CHROMIUM} (CHROMIUM overrides)`;
}

const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
];

export interface PageOptions {
  /** A module; what its default export resolves to is reported. */
  readonly script: string;
  readonly timeoutMs: number;
  /** The page's content security policy. */
  readonly policy?: string;
}

/** The body of a request. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return new TextDecoder().decode(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

const MAIN = `import main from '/script.js';
let report;
try { report = { value: await main() }; } catch (error) { report = { error: String(error?.stack ?? error) }; }
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });`;

/** Folders whose files pages may read: the repository, and reference data beside it. */
const FOLDERS = [ROOT, resolve(process.env['TSBPF_SHARED'] ?? join(ROOT, '../shared'))];

/** Answers what a page asks for. */
function answer(request: IncomingMessage, response: ServerResponse, options: PageOptions): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const send = (type: string, body: string | Uint8Array): void => {
    const headers: Record<string, string> = {
      'content-type': type,
      // Pages that are apart from others have a fine clock.
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    if (options.policy !== undefined) headers['content-security-policy'] = options.policy;
    response.writeHead(200, headers).end(body);
  };
  if (url.pathname === '/') return send('text/html', '<!doctype html><script type="module" src="/main.js"></script>');
  if (url.pathname === '/main.js') return send('text/javascript', MAIN);
  if (url.pathname === '/script.js') return send('text/javascript', options.script);
  const asked = url.searchParams.get('path') ?? '';
  const file = resolve(asked.startsWith('file:') ? fileURLToPath(asked) : asked);
  if (url.pathname === '/file' && FOLDERS.some((folder) => file.startsWith(folder)) && existsSync(file)) {
    return send('application/octet-stream', readFileSync(file));
  }
  response.writeHead(404).end();
}

/**
 * Runs a script in a page of its own browser, and returns what it reports.
 * @errno ENOENT UsageError: there is no browser.
 * @errno EIO UsageError: the page threw, the browser ended, or it took too long.
 */
export async function runPage(options: PageOptions): Promise<unknown> {
  const why = whyNoBrowser();
  if (why !== undefined) throw new UsageError(why, { errno: ENOENT });
  const profile = mkdtempSync(join(tmpdir(), 'tsbpf-chromium-'));
  const reported = withResolvers<string>();
  const server = createServer((request, response) => {
    if (request.url !== '/report') return answer(request, response, options);
    void bodyOf(request).then((body) => {
      response.writeHead(204).end();
      reported.resolve(body);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const browser = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`], {
    stdio: 'ignore',
    // A process group of its own, which ends as one.
    detached: true,
  });
  const fail = (what: string): void => reported.reject(new UsageError(what, { errno: EIO }));
  const timer = setTimeout(() => fail(`the page reported nothing within ${options.timeoutMs} ms`), options.timeoutMs);
  browser.once('error', (error) => fail(`${CHROMIUM}: ${error.message}`));
  browser.once('exit', (code) => fail(`${CHROMIUM} ended with status ${code}`));
  try {
    const { value, error } = JSON.parse(await reported.promise) as { value?: unknown; error?: string };
    if (error !== undefined) throw new UsageError(`the page threw: ${error}`, { errno: EIO });
    return value;
  } finally {
    clearTimeout(timer);
    const ended = new Promise<void>((done) => browser.once('exit', () => done()));
    if (browser.exitCode === null && browser.pid !== undefined) {
      process.kill(-browser.pid, 'SIGKILL');
      await ended;
    }
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** Promise.withResolvers, which Node 20 has not. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let [resolvePromise, rejectPromise]: [(value: T) => void, (error: Error) => void] = [
    () => undefined,
    () => undefined,
  ];
  const promise = new Promise<T>((done, failed) => {
    [resolvePromise, rejectPromise] = [done, failed];
  });
  return { promise, resolve: resolvePromise, reject: rejectPromise };
}
