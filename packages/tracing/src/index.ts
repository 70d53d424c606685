// SPDX-License-Identifier: MIT
export { tracingProgTypes } from './rows.ts';
