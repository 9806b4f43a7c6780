/**
 * The keeper of share partitions' state, wherever it is: asks the share coordinator of each, this broker's own or another's, and
 * asks again while it is moving.
 *
 * Owns: one request at a time for each share partition, in the order they came; writes that wait behind one another become one.
 * Requests to one broker about one group go together. Leaves to ShareCoordinator: what they mean.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import { Later } from "../dispatch/answer.ts";
import type { AutoTopicCreation } from "../metadata/auto-topic-creation.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { type MetadataImage, NO_LEADER } from "../metadata/metadata-image.ts";
import type { PeerBrokers } from "../network/peer-brokers.ts";
import { RpcError } from "../network/rpc-error.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";
import { coordinatorKey, type SharePartitionKey } from "./share-partition-key.ts";
import type {
  InitialShareState,
  PersisterResult,
  SharePersister,
  ShareState,
  ShareStateChange,
  ShareStateSummary,
} from "./share-persister.ts";
import { DELETE, INITIALIZE, READ, READ_SUMMARY, type StateRequest, WRITE } from "./state-requests.ts";

/** A coordinator that is moving, or out of reach, is asked again after this long, doubled each time. */
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
/** For so long at most; whoever asked may ask anew. */
const GIVE_UP_MS = 30_000;
/** A broker that says nothing for so long is asked again. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Requests to one broker at once: as many as its connection takes. */
const MAX_IN_FLIGHT = 4;
/** Partitions in one request. */
const MAX_CALLS = 1000;
/** Batches of writes that become one. */
const MAX_JOINED_BATCHES = 10_000;
/** Share partitions with something under way; further ones are refused. */
const MAX_LANES = 100_000;
/** Requests that wait for one share partition. */
const MAX_LANE_LENGTH = 1000;

export interface PeerSharePersisterOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly image: () => MetadataImage;
  /** Of this broker. */
  readonly coordinator: SharePersister;
  readonly peers: Pick<PeerBrokers, "call" | "close">;
  readonly autoTopics: Pick<AutoTopicCreation, "request">;
}

interface Call {
  readonly request: StateRequest<object, PersisterResult>;
  readonly key: SharePartitionKey;
  readonly lane: string;
  readonly deadlineMs: number;
  body: object;
  /** Who waits: several when writes have become one. */
  readonly answers: Later<PersisterResult>[];
  retryMs: number;
}

interface Destination {
  readonly brokerId: number;
  queue: Call[];
  inFlight: number;
}

export class PeerSharePersister implements SharePersister {
  private readonly options: PeerSharePersisterOptions;
  /** Calls for each share partition, by coordinator key; the first is under way. */
  private readonly lanes = new Map<string, Call[]>();
  private readonly destinations = new Map<number, Destination>();
  private readonly retries = new Map<Call, Timer>();
  private closed = false;

  constructor(options: PeerSharePersisterOptions) {
    this.options = options;
  }

  initialize(key: SharePartitionKey, state: InitialShareState): Later<PersisterResult> {
    return this.ask(INITIALIZE, key, state);
  }

  read(key: SharePartitionKey, leaderEpoch: number): Later<ShareState> {
    return this.ask(READ, key, { leaderEpoch });
  }

  write(key: SharePartitionKey, change: ShareStateChange): Later<PersisterResult> {
    const waiting = this.lanes.get(coordinatorKey(key));
    const last = waiting !== undefined && waiting.length > 1 ? waiting.at(-1) : undefined;
    const joined = last?.request === requestOf(WRITE) ? joinedWrites(last.body as ShareStateChange, change) : undefined;
    if (last === undefined || joined === undefined) return this.ask(WRITE, key, change);
    const answer = new Later<PersisterResult>();
    last.body = joined;
    last.answers.push(answer);
    return answer;
  }

  delete(key: SharePartitionKey): Later<PersisterResult> {
    return this.ask(DELETE, key, {});
  }

  readSummary(key: SharePartitionKey, leaderEpoch: number): Later<ShareStateSummary> {
    return this.ask(READ_SUMMARY, key, { leaderEpoch });
  }

  /** Share partitions with something under way; for tests and metrics. */
  get size(): number {
    return this.lanes.size;
  }

  /** Nobody is answered from here on. */
  close(): void {
    this.closed = true;
    for (const timer of this.retries.values()) timer.cancel();
    this.retries.clear();
    this.lanes.clear();
    this.destinations.clear();
    this.options.peers.close();
  }

  private ask<P extends object, R extends PersisterResult>(
    request: StateRequest<P, R>,
    key: SharePartitionKey,
    body: P,
  ): Later<R> {
    const answer = new Later<R>();
    const lane = coordinatorKey(key);
    const waiting = this.lanes.get(lane);
    const isFull = waiting === undefined ? this.lanes.size >= MAX_LANES : waiting.length >= MAX_LANE_LENGTH;
    if (this.closed || isFull) {
      answer.complete(request.refused(ErrorCode.COORDINATOR_NOT_AVAILABLE));
      return answer;
    }
    const deadlineMs = this.options.clock.monotonicMs() + GIVE_UP_MS;
    const answers = [answer as Later<unknown> as Later<PersisterResult>];
    const call: Call = { request: requestOf(request), key, lane, deadlineMs, body, answers, retryMs: FIRST_RETRY_MS };
    if (waiting !== undefined) waiting.push(call);
    else {
      this.lanes.set(lane, [call]);
      this.start(call);
    }
    return answer;
  }

  private start(call: Call): void {
    const { nodeId, coordinator, autoTopics, image } = this.options;
    const { topics, brokers } = image();
    const topic = topics.get(InternalTopic.SHARE_GROUP_STATE);
    if (topic === undefined) autoTopics.request([InternalTopic.SHARE_GROUP_STATE]);
    const partition = topic?.partitions[partitionOfKey(call.lane, topic.partitions.length)];
    const leader = partition?.leader ?? NO_LEADER;
    if (leader === nodeId) {
      call.request.here(coordinator, call).onComplete((result) => {
        if (typeof result !== "symbol") this.answered(call, result);
      });
    } else if (brokers.get(leader)?.fenced !== false) this.failed(call, ErrorCode.COORDINATOR_NOT_AVAILABLE);
    else this.enqueue(leader, call);
  }

  private enqueue(brokerId: number, call: Call): void {
    let destination = this.destinations.get(brokerId);
    if (destination === undefined) {
      destination = { brokerId, queue: [], inFlight: 0 };
      this.destinations.set(brokerId, destination);
    }
    destination.queue.push(call);
    this.drain(destination);
  }

  private drain(destination: Destination): void {
    const { peers } = this.options;
    while (destination.inFlight < MAX_IN_FLIGHT && destination.queue.length > 0 && !this.closed) {
      const calls = takeAlike(destination);
      const { request } = calls[0] as Call;
      destination.inFlight++;
      void request
        .there(peers, destination.brokerId, calls, REQUEST_TIMEOUT_MS)
        .then(
          (results) => {
            for (const call of calls) {
              this.answered(call, results.get(call.lane) ?? request.refused(ErrorCode.UNKNOWN_SERVER_ERROR));
            }
          },
          (error: unknown) => {
            if (!(error instanceof RpcError)) throw error;
            // What waits for this broker need not wait until it has failed, too: the state may have moved by now.
            const waiting = destination.queue;
            destination.queue = [];
            for (const call of [...calls, ...waiting]) this.failed(call, ErrorCode.NETWORK_EXCEPTION);
          },
        )
        .then(() => {
          destination.inFlight--;
          this.drain(destination);
        });
    }
  }

  private answered(call: Call, result: PersisterResult): void {
    switch (result.errorCode) {
      case ErrorCode.NOT_COORDINATOR:
      case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
        this.failed(call, result.errorCode);
        return;
      default:
        this.settle(call, result);
    }
  }

  private failed(call: Call, errorCode: ErrorCode): void {
    if (this.closed) return;
    const { clock } = this.options;
    if (clock.monotonicMs() + call.retryMs >= call.deadlineMs) {
      this.settle(call, call.request.refused(errorCode));
      return;
    }
    const timer = clock.after(call.retryMs, () => {
      this.retries.delete(call);
      this.start(call);
    });
    this.retries.set(call, timer);
    call.retryMs = Math.min(call.retryMs * 2, MAX_RETRY_MS);
  }

  private settle(call: Call, result: PersisterResult): void {
    const lane = this.lanes.get(call.lane);
    if (lane?.[0] !== call) return;
    lane.shift();
    const [next] = lane;
    if (next === undefined) this.lanes.delete(call.lane);
    for (const answer of call.answers) if (!answer.completed) answer.complete(result);
    if (next !== undefined && !this.closed) this.start(next);
  }
}

/** A request of any kind; its calls carry its own bodies. */
function requestOf<P extends object, R extends PersisterResult>(
  request: StateRequest<P, R>,
): StateRequest<object, PersisterResult> {
  return request as unknown as StateRequest<object, PersisterResult>;
}

/** What goes in the next request: one API, one group. Share partitions are in it once, as each has one call under way. */
function takeAlike(destination: Destination): Call[] {
  const first = destination.queue[0] as Call;
  const taken: Call[] = [];
  const left: Call[] = [];
  for (const call of destination.queue) {
    const alike = call.request === first.request && call.key.groupId === first.key.groupId;
    if (alike && taken.length < MAX_CALLS) taken.push(call);
    else left.push(call);
  }
  destination.queue = left;
  return taken;
}

/** Two writes as one, where both are of the same epochs. */
function joinedWrites(first: ShareStateChange, second: ShareStateChange): ShareStateChange | undefined {
  if (first.stateEpoch !== second.stateEpoch || first.leaderEpoch !== second.leaderEpoch) return undefined;
  if (first.stateBatches.length + second.stateBatches.length > MAX_JOINED_BATCHES) return undefined;
  return {
    ...second,
    startOffset: second.startOffset === -1 ? first.startOffset : second.startOffset,
    stateBatches: [...first.stateBatches, ...second.stateBatches],
  };
}
