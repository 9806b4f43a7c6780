/** Log directories. */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const AlterReplicaLogDirsRequest = message("AlterReplicaLogDirsRequest", "1-2", "2+", {
  dirs: array({
    path: string(),
    topics: array({
      name: string(),
      partitions: array(int32()),
    }),
  }),
});

export const AlterReplicaLogDirsResponse = message("AlterReplicaLogDirsResponse", "1-2", "2+", {
  throttleTimeMs: int32(),
  results: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
    }),
  }),
});

/** AlterReplicaLogDirs (key 34): moves replicas between directories of a broker (KIP-113). */
export const AlterReplicaLogDirs = defineApi({
  key: 34,
  request: AlterReplicaLogDirsRequest,
  response: AlterReplicaLogDirsResponse,
  listeners: ["broker"],
});

export const DescribeLogDirsRequest = message("DescribeLogDirsRequest", "1-5", "2+", {
  topics: array(
    {
      topic: string(),
      partitions: array(int32()),
    },
    { nullable: "0+" },
  ),
});

export const DescribeLogDirsResponse = message("DescribeLogDirsResponse", "1-5", "2+", {
  throttleTimeMs: int32(),
  errorCode: int16({ versions: "3+", ignorable: true }),
  results: array({
    errorCode: int16(),
    logDir: string(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        partitionSize: int64(),
        offsetLag: int64(),
        isFutureKey: bool(),
      }),
    }),
    totalBytes: int64({ versions: "4+", default: -1, ignorable: true }),
    usableBytes: int64({ versions: "4+", default: -1, ignorable: true }),
    isCordoned: bool({ versions: "5+", default: false, ignorable: true }),
  }),
});

/** DescribeLogDirs (key 35): sizes and replicas per directory. v4 volume sizes (KIP-827), v5 cordoned directories. */
export const DescribeLogDirs = defineApi({
  key: 35,
  request: DescribeLogDirsRequest,
  response: DescribeLogDirsResponse,
  listeners: ["broker"],
});

export const AssignReplicasToDirsRequest = message("AssignReplicasToDirsRequest", "0", "0+", {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
  directories: array({
    id: uuid(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  }),
});

export const AssignReplicasToDirsResponse = message("AssignReplicasToDirsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  directories: array({
    id: uuid(),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  }),
});

/** AssignReplicasToDirs (key 73): a broker tells the controller where its replicas lie (KIP-858). */
export const AssignReplicasToDirs = defineApi({
  key: 73,
  request: AssignReplicasToDirsRequest,
  response: AssignReplicasToDirsResponse,
  listeners: ["controller"],
});
