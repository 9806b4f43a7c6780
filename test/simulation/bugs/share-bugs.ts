/** Bugs of share groups: only runs with members of such find them. */
import { Later } from "../../../broker/dispatch/answer.ts";
import { PeerSharePersister } from "../../../broker/share-state/peer-share-persister.ts";
import type { PersisterResult } from "../../../broker/share-state/share-persister.ts";
import { ShareStateMachine } from "../../../broker/share-state/share-state-machine.ts";
import { ShareUpdateRecord } from "../../../broker/share-state/stored-state.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

export const SHARE_BUGS: readonly InjectedBug[] = [
  {
    name: "R175",
    what: "a coordinator of share state that loads its log passes over what came after the last snapshot",
    inject: () =>
      replaceMethod(
        ShareStateMachine.prototype,
        "replay",
        (original) =>
          function (this: ShareStateMachine, record, at) {
            // What was decided here says its version; what is read does not.
            if (record.type !== ShareUpdateRecord || "version" in record) original.call(this, record, at);
          },
      ),
  },
  {
    name: "R177",
    what: "what members say of records is answered before it is stored, and stored later or never",
    inject: () =>
      replaceMethod(
        PeerSharePersister.prototype,
        "write",
        (original) =>
          function (this: PeerSharePersister, key, change) {
            original.call(this, key, change);
            const done = new Later<PersisterResult>();
            done.complete({ errorCode: ErrorCode.NONE, errorMessage: null });
            return done;
          },
      ),
  },
];
