/**
 * The HTTP control API of a running cluster: for programs of this machine only.
 *
 * Owns: who may ask (no page of a browser, no name that leads here from elsewhere), and errors as answers. Leaves to
 * control-routes.ts: what is asked.
 */
import type { ClusterControl } from "../cluster/control/cluster-control.ts";
import { ControlError, type ControlErrorKind } from "../cluster/control/control-error.ts";
import type { Logger } from "../storage/logger.ts";
import { route } from "./control-routes.ts";
import type { HttpAnswer, HttpListener, HttpRequest, HttpServer } from "./http.ts";

/** The API can kill nodes: it is never offered to a network. */
const LOOPBACK = "127.0.0.1";

const STATUS: Readonly<Record<ControlErrorKind, number>> = { invalid: 400, unknown: 404, conflict: 409, timeout: 504 };

/** Listens on the loopback. @param port 0: any that is free. @throws NetworkError in-use. */
export function serveControl(
  server: HttpServer,
  port: number,
  control: ClusterControl,
  logger: Logger,
): Promise<HttpListener> {
  return server.listen({ host: LOOPBACK, port }, (request) => answer(request, control, logger));
}

async function answer(request: HttpRequest, control: ClusterControl, logger: Logger): Promise<HttpAnswer> {
  const refusal = refusalOf(request);
  if (refusal !== undefined) return { status: 403, body: { error: refusal } };
  try {
    return await route(control, request);
  } catch (error) {
    if (error instanceof ControlError) return { status: STATUS[error.kind], body: { error: error.message } };
    logger.error({ err: error, method: request.method, path: request.segments.join("/") }, "a control request failed");
    return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}

const LOCAL_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * A page of any origin can have its reader's browser send requests here, and a name can be made to lead here (DNS rebinding): the
 * browser then says so in Origin and Host.
 */
function refusalOf({ host, origin }: HttpRequest): string | undefined {
  if (host === undefined || !LOCAL_HOST.test(host))
    return `this is for programs of this machine, not for ${host ?? "nobody"}`;
  if (origin === undefined) return undefined;
  return /^https?:\/\//i.test(origin) && origin.replace(/^https?:\/\//i, "").toLowerCase() === host.toLowerCase()
    ? undefined
    : `pages of ${origin} may not ask`;
}
