/**
 * The APIs of security, as a broker answers them that has no authorizer and only listeners without authentication: SaslHandshake (17),
 * SaslAuthenticate (36), DescribeAcls (29), CreateAcls (30), DeleteAcls (31), and delegation tokens (38 to 41).
 *
 * They are served, so that clients learn that there is none of it, rather than that nobody knows what they mean.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { CreateAcls, DeleteAcls, DescribeAcls } from "../../protocol/messages/acls.ts";
import type {
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
  RenewDelegationToken,
} from "../../protocol/messages/delegation-tokens.ts";
import type { SaslAuthenticate, SaslHandshake } from "../../protocol/messages/sasl.ts";
import type { Handler } from "../dispatch/handler.ts";

const NO_AUTHORIZER = { errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: "No Authorizer is configured." };
const NO_BYTES = Buffer.alloc(0);
const NEVER = -1;

export const handleSaslHandshake: Handler<typeof SaslHandshake> = () => {
  return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] };
};

export const handleSaslAuthenticate: Handler<typeof SaslAuthenticate> = () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  errorMessage: "SaslAuthenticate request received after successful authentication",
  authBytes: NO_BYTES,
});

/** The broker answers this one itself, and in Apache Kafka passes the others on. */
export const handleDescribeAcls: Handler<typeof DescribeAcls> = () => ({
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: "No Authorizer is configured on the broker",
  resources: [],
});

export const handleCreateAcls: Handler<typeof CreateAcls> = ({ creations }) => {
  return { results: creations.map(() => NO_AUTHORIZER) };
};

export const handleDeleteAcls: Handler<typeof DeleteAcls> = ({ filters }) => {
  return { filterResults: filters.map(() => ({ ...NO_AUTHORIZER, matchingAcls: [] })) };
};

/** Who asks without authentication is nobody in particular, and nobody's token is worth anything. */
export const handleCreateDelegationToken: Handler<typeof CreateDelegationToken> = (_, { apiVersion, connection }) => {
  const { type, name } = connection.principal;
  const requester = { tokenRequesterPrincipalType: type, tokenRequesterPrincipalName: name };
  return {
    ...{ errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, principalType: type, principalName: name },
    ...(apiVersion >= 3 ? requester : {}),
    ...{ issueTimestampMs: NEVER, expiryTimestampMs: NEVER, maxTimestampMs: NEVER, tokenId: "", hmac: NO_BYTES },
  };
};

export const handleRenewDelegationToken: Handler<typeof RenewDelegationToken> = () => {
  return { errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, expiryTimestampMs: NEVER };
};

export const handleExpireDelegationToken: Handler<typeof ExpireDelegationToken> = () => {
  return { errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, expiryTimestampMs: NEVER };
};

export const handleDescribeDelegationToken: Handler<typeof DescribeDelegationToken> = () => {
  return { errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, tokens: [] };
};
