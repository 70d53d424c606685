// SPDX-License-Identifier: MIT
export { cgroupProgTypes } from './rows.ts';
