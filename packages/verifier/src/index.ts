// SPDX-License-Identifier: MIT
/** The verifier of Linux v5.6. */
export { verify } from './check.ts';
