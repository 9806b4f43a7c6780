/**
 * An API: a key, and the request and response that go with it. All else (header versions, the advertised range, dispatch)
 * follows from the two messages.
 */
import { isFlexible, type Message } from "./message.ts";
import type { VersionRange } from "./version-range.ts";

export type ListenerKind = "broker" | "controller";

export interface ApiDefinition<Req extends Message = Message, Res extends Message = Message> {
  readonly key: number;
  readonly request: Req;
  readonly response: Res;
  /** Listeners that serve it. */
  readonly listeners: readonly ListenerKind[];
  /** The newest version is not finished in the reference version: served to nobody, advertised to nobody. */
  readonly latestVersionUnstable?: boolean;
}

export interface Api<Req extends Message = Message, Res extends Message = Message> extends ApiDefinition<Req, Res> {
  /** The request's name without "Request". */
  readonly name: string;
  /** Stable versions, inclusive. */
  readonly versions: VersionRange;
}

export function defineApi<Req extends Message, Res extends Message>(
  definition: ApiDefinition<Req, Res>,
): Api<Req, Res> {
  const { min, max } = definition.request.validVersions;
  return {
    ...definition,
    name: definition.request.name.replace(/Request$/, ""),
    versions: { min, max: definition.latestVersionUnstable === true ? max - 1 : max },
  };
}

export function requestHeaderVersion(api: Api, version: number): 1 | 2 {
  return isFlexible(api.request, version) ? 2 : 1;
}

/** An ApiVersions response keeps header version 0, so that a client of any age can read the refusal of its version. */
export function responseHeaderVersion(api: Api, version: number): 0 | 1 {
  return api.key !== 18 && isFlexible(api.response, version) ? 1 : 0;
}
