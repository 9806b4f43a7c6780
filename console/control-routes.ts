/**
 * The routes of the control API: which request asks what of the cluster. Described in docs/control-api.md.
 *
 * Owns: paths, methods, the shape of bodies and answers. Leaves to ClusterControl: everything they do; to control-server.ts: who
 * may ask, and errors.
 */
import type { ClusterEvent } from "../cluster/cluster-events.ts";
import type { ClusterControl, Condition, NodeName } from "../cluster/control/cluster-control.ts";
import { ControlError } from "../cluster/control/control-error.ts";
import type { FaultRule } from "../cluster/faults/fault-rule.ts";
import type { HttpAnswer, HttpRequest } from "./http.ts";
import { Body, parse } from "./request-body.ts";

type Route = (control: ClusterControl, request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer;

/** A wait that is longer is a program's mistake. */
const MAX_WAIT_MS = 10 * 60 * 1000;
const DEFAULT_WAIT_MS = 10_000;

const ok = (body: unknown): HttpAnswer => ({ status: 200, body });

/** By method and path; "*" stands for one segment. */
const ROUTES: Readonly<Record<string, Route>> = {
  "GET /": (control) => ok({ clusterId: control.clusterId, bootstrapServers: control.bootstrapServers }),
  "GET /nodes": (control) => ok({ nodes: control.nodes(), controller: control.controller() }),
  "GET /nodes/*": (control, request) => ok(status(control, nodeIn(request))),
  "POST /nodes/*/kill": (control, request) => acted(control, request, (name) => control.kill(name)),
  "POST /nodes/*/stop": (control, request) => acted(control, request, (name) => control.stop(name)),
  "POST /nodes/*/restart": (control, request) => acted(control, request, (name) => control.restart(name)),
  "POST /nodes/*/pause": (control, request) => acted(control, request, (name) => control.pause(name)),
  "POST /nodes/*/resume": (control, request) => acted(control, request, (name) => control.resume(name)),
  "GET /network": (control) => ok({ links: control.links }),
  "POST /network/cut": async (control, request) => {
    const body = new Body(request.body, ["a", "b", "oneWay"]);
    await control.cut(body.linkEnd("a"), body.linkEnd("b"), body.boolean("oneWay"));
    return ok({ links: control.links });
  },
  "POST /network/delay": async (control, request) => {
    const body = new Body(request.body, ["a", "b", "delayMs", "oneWay"]);
    const delayMs = body.wholeNumber("delayMs");
    await control.delay(body.linkEnd("a"), body.linkEnd("b"), delayMs, body.boolean("oneWay"));
    return ok({ links: control.links });
  },
  "POST /network/heal": async (control, request) => {
    const body = new Body(request.body, ["a", "b"]);
    await control.heal(body.optional("a", body.linkEnd), body.optional("b", body.linkEnd));
    return ok({ links: control.links });
  },
  "GET /faults": (control) => ok({ faults: control.faults() }),
  "POST /faults": async (control, request) => ({
    status: 201,
    body: await control.addFault(parse(request.body) as FaultRule),
  }),
  "DELETE /faults": async (control) => {
    await control.clearFaults();
    return ok({ faults: control.faults() });
  },
  "GET /faults/*": (control, request) => ok(control.fault(faultIn(request))),
  "DELETE /faults/*": async (control, request) => ok(await control.removeFault(faultIn(request))),
  "GET /topics": async (control) => ok({ topics: await control.topics() }),
  "GET /topics/*": async (control, { segments }) => ok(await control.topic(segments[1] as string)),
  "POST /wait": async (control, request) => {
    const { condition, timeoutMs } = conditionIn(request.body);
    await control.wait(condition, timeoutMs);
    return ok({});
  },
  "POST /reset": async (control) => {
    await control.reset();
    return ok({});
  },
  "GET /events": (control, { query }) => ({ status: 200, lines: events(control, query.get("types")) }),
};

/** What a request asks, done. @throws ControlError */
export async function route(control: ClusterControl, request: HttpRequest): Promise<HttpAnswer> {
  const path = pattern(request.segments);
  const found = path === undefined ? undefined : ROUTES[`${request.method} ${path}`];
  if (found !== undefined) return found(control, request);
  const others = Object.keys(ROUTES).filter((known) => path !== undefined && known.endsWith(` ${path}`));
  if (others.length === 0) throw new ControlError("unknown", `there is nothing at /${request.segments.join("/")}`);
  const allow = others.map((known) => known.split(" ", 1)[0]).join(", ");
  return {
    status: 405,
    body: { error: `${request.method} is not for /${request.segments.join("/")}` },
    headers: { allow },
  };
}

/** Those of the types that are named; high watermarks, of which there are very many, only where they are. */
function events(control: ClusterControl, types: string | null): AsyncIterable<ClusterEvent> {
  const wanted = types === null ? undefined : new Set(types.split(","));
  const isWanted = ({ type }: ClusterEvent): boolean => wanted?.has(type) ?? type !== "high-watermark";
  return {
    [Symbol.asyncIterator]: () => {
      const all = control.events[Symbol.asyncIterator]();
      return {
        next: async () => {
          for (;;) {
            const next = await all.next();
            if (next.done === true || isWanted(next.value)) return next;
          }
        },
        return: async () => (await all.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}

const WITH_NAMES = new Set(["nodes", "faults", "topics"]);

function pattern(segments: readonly string[]): string | undefined {
  const [first = "", second, third, ...more] = segments;
  if (more.length > 0) return undefined;
  const middle = second === undefined ? "" : WITH_NAMES.has(first) ? "/*" : `/${second}`;
  return `/${first}${middle}${third === undefined ? "" : `/${third}`}`;
}

async function acted(
  control: ClusterControl,
  request: HttpRequest,
  act: (name: NodeName) => Promise<void>,
): Promise<HttpAnswer> {
  new Body(request.body, []);
  const name = nodeIn(request);
  await act(name);
  return ok(status(control, name));
}

function status(control: ClusterControl, name: NodeName): unknown {
  return name === "controller" ? control.controller() : control.node(name);
}

function nodeIn({ segments }: HttpRequest): NodeName {
  const [, name = ""] = segments;
  if (name === "controller") return name;
  if (!/^\d{1,9}$/.test(name)) throw new ControlError("unknown", `there is no node ${JSON.stringify(name)}`);
  return Number(name);
}

function faultIn({ segments }: HttpRequest): number {
  const [, id = ""] = segments;
  if (!/^\d{1,9}$/.test(id)) throw new ControlError("unknown", `there is no fault ${JSON.stringify(id)}`);
  return Number(id);
}

function conditionIn(text: string): { readonly condition: Condition; readonly timeoutMs: number } {
  const names = ["for", "topic", "partition", "not", "inSyncReplicas", "offset", "node", "fenced", "timeoutMs"];
  const body = new Body(text, names);
  const timeoutMs = body.optional("timeoutMs", body.wholeNumber) ?? DEFAULT_WAIT_MS;
  if (timeoutMs > MAX_WAIT_MS) throw new ControlError("invalid", `timeoutMs is at most ${MAX_WAIT_MS}`);
  return { condition: condition(body), timeoutMs };
}

function condition(body: Body): Condition {
  const what = body.text("for");
  switch (what) {
    case "leader": {
      const not = body.optional("not", body.wholeNumber);
      const leader = { for: what, topic: body.text("topic"), partition: body.wholeNumber("partition") } as const;
      return not === undefined ? leader : { ...leader, not };
    }
    case "in-sync": {
      const partition = body.optional("partition", body.wholeNumber);
      const inSyncReplicas = body.optional("inSyncReplicas", body.nodeIds);
      if ((partition === undefined) !== (inSyncReplicas === undefined))
        throw new ControlError("invalid", "partition and inSyncReplicas go together");
      return {
        ...{ for: what, topic: body.text("topic") },
        ...(partition === undefined || inSyncReplicas === undefined ? {} : { partition, inSyncReplicas }),
      };
    }
    case "high-watermark":
      return {
        ...{ for: what, topic: body.text("topic") },
        ...{ partition: body.wholeNumber("partition"), offset: body.wholeNumber("offset") },
      };
    case "node":
      return { for: what, node: body.wholeNumber("node"), fenced: body.boolean("fenced") };
    default:
      throw new ControlError("invalid", 'for is "leader", "in-sync", "high-watermark" or "node"');
  }
}
