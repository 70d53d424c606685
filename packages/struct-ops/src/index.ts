// SPDX-License-Identifier: MIT
export { structOpsProgTypes, tcpCongestionOpsRules, type StructOpsRules } from './rows.ts';
