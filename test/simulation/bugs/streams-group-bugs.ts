/** Bugs of streams groups: of who has which task. */
import { TaskOwners } from "../../../broker/groups/streams/task-owners.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

export const STREAMS_GROUP_BUGS: readonly InjectedBug[] = [
  {
    name: "R203",
    what: "a task is given to its next owner while a member runs it that is to give it up",
    inject: () => replaceMethod(TaskOwners.prototype, "activeProcess", () => () => undefined),
  },
];
