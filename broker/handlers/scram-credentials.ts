/**
 * DescribeUserScramCredentials (key 50): which SCRAM credentials users have (KIP-554). Nobody can authenticate with them here: they
 * are kept for a cluster that takes this one's data.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { DescribeUserScramCredentials } from "../../protocol/messages/user-scram-credentials.ts";
import type { Handler } from "../dispatch/handler.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";

interface CredentialInfo {
  readonly mechanism: number;
  readonly iterations: number;
}

export const handleDescribeUserScramCredentials: Handler<typeof DescribeUserScramCredentials> = (
  { users },
  { broker: { image } },
) => {
  const known = credentialsByUser(image);
  const asked = users === null || users.length === 0 ? [...known.keys()] : users.map(({ name }) => name);
  const results = [...new Set(asked)].map((user) => {
    const credentialInfos = known.get(user);
    const isTwice = asked.indexOf(user) !== asked.lastIndexOf(user);
    if (!isTwice && credentialInfos !== undefined) {
      return { user, errorCode: ErrorCode.NONE, errorMessage: "", credentialInfos };
    }
    return {
      user,
      errorCode: isTwice ? ErrorCode.DUPLICATE_RESOURCE : ErrorCode.RESOURCE_NOT_FOUND,
      errorMessage: isTwice
        ? `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
        : `Attempt to describe a user credential that does not exist: ${user}`,
      credentialInfos: [],
    };
  });
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: "", results };
};

function credentialsByUser({ scramCredentials }: MetadataImage): Map<string, CredentialInfo[]> {
  const byUser = new Map<string, CredentialInfo[]>();
  for (const { name, mechanism, iterations } of scramCredentials.values()) {
    const infos = byUser.get(name) ?? [];
    infos.push({ mechanism, iterations });
    byUser.set(
      name,
      infos.sort((a, b) => a.mechanism - b.mechanism),
    );
  }
  return byUser;
}
