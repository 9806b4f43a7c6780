/**
 * The APIs one kind of listener serves: what has a handler is served, and what is served is advertised.
 *
 * Owns: which versions are accepted and which are advertised. Leaves to the dispatcher: requests.
 */
import { strict as assert } from "node:assert";
import { Produce } from "../../protocol/messages/produce.ts";
import type { Api, ListenerKind } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { Answer } from "./answer.ts";
import type { AdvertisedApi } from "./handler.ts";

export interface ServedApi<C> {
  readonly api: Api;
  readonly handle: (request: never, context: C) => Answer<unknown>;
  readonly advertised: boolean;
}

/** One line of a handler table. `advertised: false` is for APIs that are answered but not listed (KIP-714 without a receiver). */
export function serve<Req extends Message, Res extends Message, C>(
  api: Api<Req, Res>,
  handle: (request: Decode<Req>, context: C) => Answer<Encode<Res>>,
  options?: { readonly advertised?: boolean },
): ServedApi<C> {
  return { api, handle, advertised: options?.advertised ?? true };
}

export class HandlerTable<C> {
  readonly kind: ListenerKind;
  /** In the order of keys. */
  readonly advertisedApis: readonly AdvertisedApi[];
  private readonly byKey: (ServedApi<C> | undefined)[] = [];

  constructor(kind: ListenerKind, served: readonly ServedApi<C>[]) {
    this.kind = kind;
    for (const line of served) {
      const { api } = line;
      assert(this.byKey[api.key] === undefined, `${api.name} has two handlers`);
      assert(api.listeners.includes(kind), `${api.name} is not for ${kind} listeners`);
      this.byKey[api.key] = line;
    }
    this.advertisedApis = this.byKey.flatMap((line) => (line?.advertised === true ? [advertise(line.api, kind)] : []));
  }

  /** The API with this key, if this listener serves it. */
  served(apiKey: number): ServedApi<C> | undefined {
    return this.byKey[apiKey];
  }
}

function advertise(api: Api, kind: ListenerKind): AdvertisedApi {
  // KAFKA-18659: versions 0-2 are refused all the same, but librdkafka before 2.11.1 compresses only if they are listed.
  const minVersion = api.key === Produce.key && kind === "broker" ? 0 : api.versions.min;
  return { apiKey: api.key, minVersion, maxVersion: api.versions.max };
}
