// SPDX-License-Identifier: MIT
// What tests read of the repository, in a page: from the server of the page, synchronously.

function get(path: string | URL): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open('GET', `/file?path=${encodeURIComponent(String(path))}`, false);
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  return request;
}

export function existsSync(path: string | URL): boolean {
  return get(path).status === 200;
}

export function readFileSync(path: string | URL, encoding?: string): Uint8Array | string {
  const { status, responseText } = get(path);
  if (status !== 200) throw new TypeError(`${String(path)}: status ${status}`);
  const bytes = Uint8Array.from(responseText, (char) => char.charCodeAt(0) & 0xff);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}
