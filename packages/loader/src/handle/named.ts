// SPDX-License-Identifier: MIT

/** Handles by name: as properties, through `get`, and in the object's order. */
export type Named<T> = { readonly [name: string]: T } & Iterable<T> & {
    /** By name; undefined where there is none. A section's name, such as `.rodata`, finds its map. */
    readonly get: (name: string) => T | undefined;
  };

/** Makes the collection. A handle called `get` is found by `get('get')` only. */
export function named<T extends { readonly name: string }>(
  handles: readonly T[],
  alias: (handle: T) => string | undefined = () => undefined,
): Named<T> {
  const byName = new Map<string, T>();
  for (const handle of handles) {
    const other = alias(handle);
    if (other !== undefined && !byName.has(other)) byName.set(other, handle);
  }
  for (const handle of handles) byName.set(handle.name, handle);
  const collection: Record<PropertyKey, unknown> = Object.create(null) as Record<PropertyKey, unknown>;
  for (const handle of handles) {
    Object.defineProperty(collection, handle.name, { value: handle, enumerable: true, configurable: true });
  }
  Object.defineProperty(collection, 'get', { value: (name: string) => byName.get(name), enumerable: false });
  Object.defineProperty(collection, Symbol.iterator, { value: () => handles[Symbol.iterator](), enumerable: false });
  return Object.freeze(collection) as unknown as Named<T>;
}
