/** Every bug that can be put back, by name: in the runs of plans, and those that only runs with transactions, with groups or with share groups can find. */
import { CONTROLLER_BUGS } from "./controller-bugs.ts";
import { GROUP_BUGS } from "./group-bugs.ts";
import type { InjectedBug } from "./injected-bug.ts";
import { REPLICATION_BUGS } from "./replication-bugs.ts";
import { SHARE_BUGS } from "./share-bugs.ts";
import { STORAGE_BUGS } from "./storage-bugs.ts";
import { STREAMS_GROUP_BUGS } from "./streams-group-bugs.ts";
import { TRANSACTION_BUGS } from "./transaction-bugs.ts";

export const BUGS: readonly InjectedBug[] = [...REPLICATION_BUGS, ...CONTROLLER_BUGS, ...STORAGE_BUGS];

/** @throws Error that says which there are. */
export function bugNamed(name: string): InjectedBug {
  const all = [...BUGS, ...TRANSACTION_BUGS, ...GROUP_BUGS, ...STREAMS_GROUP_BUGS, ...SHARE_BUGS];
  const bug = all.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`no bug ${name}; there are ${all.map((one) => one.name).join(", ")}`);
  return bug;
}
