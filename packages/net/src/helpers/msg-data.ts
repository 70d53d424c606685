// SPDX-License-Identifier: MIT
// What a message program does to a message: how long its verdict holds, what it can see, bytes that come and go.
// Messages of several elements show mistakes of Linux v5.6, which are kept: each is noted where it is made.
// @see net/core/filter.c, bpf_msg_pull_data and its siblings
import { EINVAL, ENOMEM, ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { allocPage, getPage, putPage } from '../stream/page.ts';
import { streamRule } from '../stream/rules.ts';
import { MAX_MSG_FRAGS, SkMsg, type MsgElem } from '../stream/sk-msg.ts';

/** The element that holds a byte, and the message's offset at which it begins; undefined beyond the end. */
function elemOf(elems: readonly MsgElem[], start: number): { index: number; at: number; elem: MsgElem } | undefined {
  let at = 0;
  for (const [index, elem] of elems.entries()) {
    if (start < at + elem.length) return { index, at, elem };
    at += elem.length;
  }
  return undefined;
}

/** The most bytes the kernel allocates in one piece. */
const MAX_PAGES = 4 * 2 ** 20;

/** Behind the last byte, later kernels see an empty element. */
function endOf(msg: SkMsg, start: number): ReturnType<typeof elemOf> {
  const index = msg.elems.length;
  return start === msg.size ? { index, at: start, elem: { page: 0, offset: 0, length: 0 } } : undefined;
}

/** The program sees `start` to `end`, in one piece; the elements they lie in become one. */
function pullData(msg: SkMsg, start: number, end: number): number {
  const { mem } = msg.kernel;
  const { elems } = msg;
  const found = elemOf(elems, start);
  if (end <= start || found === undefined) return -EINVAL;
  const { index, at, elem } = found;
  const needed = end - at;
  let first = elem;
  if (needed > elem.length) {
    let copied = 0;
    let last = index;
    while (last < elems.length && copied < needed) copied += (elems[last++] as MsgElem).length;
    if (needed > copied) return -EINVAL;
    const page = allocPage(mem, copied);
    if (page === 0) return -ENOMEM;
    first = { page, offset: 0, length: copied };
    let to = SkMsg.bytesAt(first);
    for (const part of elems.slice(index, last)) {
      mem.writeBytes(to, msg.read(part));
      to += part.length;
      putPage(mem, part.page);
    }
    msg.elems = [...elems.slice(0, index), first, ...elems.slice(last)];
  }
  const data = SkMsg.bytesAt(first) + start - at;
  msg.setPointer('data', data);
  msg.setPointer('data_end', data + end - start);
  return 0;
}

/** Bytes of no particular value come in at `start`, which may not be the end. */
function pushData(msg: SkMsg, start: number, lenBytes: number): number {
  const { mem } = msg.kernel;
  const { elems } = msg;
  const found = elemOf(elems, start) ?? (streamRule(msg.kernel, 'push-not-at-end') ? undefined : endOf(msg, start));
  if (found === undefined) return -EINVAL;
  const { index, at, elem } = found;
  const space = MAX_MSG_FRAGS - elems.length;
  const copy = space === 0 || (space === 1 && start !== at) ? elem.length : 0;
  // The kernel's allocator gives no more than this at once, and nothing for no bytes.
  const room = copy + lenBytes;
  const page = room === 0 || room > MAX_PAGES ? 0 : allocPage(mem, room);
  if (page === 0) return -ENOMEM;
  const fresh: MsgElem = { page, offset: 0, length: copy + lenBytes };
  let middle: MsgElem[];
  if (copy > 0) {
    const bytes = msg.read(elem);
    const front = start - at;
    mem.writeBytes(SkMsg.bytesAt(fresh), bytes.subarray(0, front));
    mem.writeBytes(SkMsg.bytesAt(fresh) + front + lenBytes, bytes.subarray(front));
    putPage(mem, elem.page);
    middle = [fresh];
  } else if (start === at) {
    middle = elem.page === 0 ? [fresh] : [fresh, elem];
  } else {
    const front = { ...elem, length: start - at };
    // v5.6 counts from the message's beginning, not the element's: right only in the first element.
    const rest = { ...elem, offset: elem.offset + start, length: elem.length - front.length };
    getPage(mem, elem.page);
    middle = [front, fresh, rest];
  }
  msg.elems = [...elems.slice(0, index), ...middle, ...elems.slice(index + 1)];
  msg.size += lenBytes;
  msg.computeDataPointers();
  return 0;
}

/** v5.6 writes a length there that the element does not have, and goes on with memory of others. */
function corrupts(): never {
  throw new NotSupportedError(
    'bpf_msg_pop_data in an element that is not the first: Linux v5.6 corrupts the message here; pull the bytes together first (bpf_msg_pull_data)',
    { errno: ENOSYS, feature: 'bpf_msg_pop_data behind the first element' },
  );
}

/** Bytes go. There must be some left behind them. */
function popData(msg: SkMsg, start: number, lenBytes: number): number {
  const { mem } = msg.kernel;
  let elems = msg.elems;
  const found = elemOf(elems, start);
  // The sum has 32 bits.
  const last = (start + lenBytes) >>> 0;
  const tooFar = streamRule(msg.kernel, 'pop-not-to-end') ? last >= msg.size : last > msg.size;
  if (found === undefined || tooFar) return -EINVAL;
  if (last < start) corrupts();
  const mistakes = streamRule(msg.kernel, 'pop-mistakes-element');
  let { index } = found;
  let pop = lenBytes;
  if (start !== found.at) {
    const { elem } = found;
    // v5.6 takes the offset in the message for the one in the element: harmless in the first only.
    const front = mistakes ? start : start - found.at;
    if (mistakes && found.at !== 0 && front > elem.length) corrupts();
    if (pop < elem.length - front) {
      const back = elem.length - pop - front;
      if (elems.length < MAX_MSG_FRAGS) {
        getPage(mem, elem.page);
        const rest = { page: elem.page, offset: elem.offset + pop + front, length: back };
        elems = [...elems.slice(0, index), { ...elem, length: front }, rest, ...elems.slice(index + 1)];
      } else {
        const page = allocPage(mem, front + back);
        if (page === 0) return -ENOMEM;
        const bytes = msg.read(elem);
        const joined: MsgElem = { page, offset: 0, length: front + back };
        mem.writeBytes(SkMsg.bytesAt(joined), bytes.subarray(0, front));
        mem.writeBytes(SkMsg.bytesAt(joined) + front, bytes.subarray(front + pop));
        putPage(mem, elem.page);
        elems = [...elems.slice(0, index), joined, ...elems.slice(index + 1)];
      }
      pop = 0;
    } else {
      pop -= elem.length - front;
      elems = [...elems.slice(0, index), { ...elem, length: front }, ...elems.slice(index + 1)];
    }
    index++;
  }
  while (pop > 0) {
    const elem = elems[index];
    if (elem === undefined) corrupts();
    if (pop < elem.length) {
      elems = elems.with(index, { ...elem, offset: elem.offset + pop, length: elem.length - pop });
      pop = 0;
    } else {
      pop -= elem.length;
      putPage(mem, elem.page);
      elems = [...elems.slice(0, index), ...elems.slice(index + 1)];
      // v5.6 goes on behind the element that has moved into this place.
      if (mistakes) index++;
      continue;
    }
    index++;
  }
  msg.elems = elems;
  msg.size -= lenBytes;
  msg.computeDataPointers();
  return 0;
}

const change =
  (body: (msg: SkMsg, start: number, lenBytes: number) => number): NonNullable<HelperRow['impl']>['call'] =>
  ({ kernel, argHi }, ctx, start, lenBytes, flags) =>
    flags !== 0 || argHi[4] !== 0 ? -EINVAL : body(new SkMsg(kernel, ctx), start >>> 0, lenBytes >>> 0);

/** The same, of kernels that leave a message alone where no bytes are to come or go. */
const changeBySome = (body: Parameters<typeof change>[0]): ReturnType<typeof change> =>
  change((msg, start, lenBytes) =>
    lenBytes === 0 && !streamRule(msg.kernel, 'change-by-nothing') ? 0 : body(msg, start, lenBytes),
  );

/** Helpers of message programs. */
export const msgDataHelpers: readonly HelperRow[] = [
  defineHelper('bpf_msg_apply_bytes', {
    retWidth: 'sext',
    call({ kernel }, ctx, lenBytes) {
      new SkMsg(kernel, ctx).set('apply_bytes', lenBytes);
      return 0;
    },
  }),
  defineHelper('bpf_msg_cork_bytes', {
    retWidth: 'sext',
    call({ kernel }, ctx, lenBytes) {
      new SkMsg(kernel, ctx).set('cork_bytes', lenBytes);
      return 0;
    },
  }),
  defineHelper('bpf_msg_pull_data', { retWidth: 'sext', wideArgs: [4], call: change(pullData) }),
  defineHelper('bpf_msg_push_data', { retWidth: 'sext', wideArgs: [4], call: changeBySome(pushData) }),
  defineHelper('bpf_msg_pop_data', { retWidth: 'sext', wideArgs: [4], call: changeBySome(popData) }),
];
