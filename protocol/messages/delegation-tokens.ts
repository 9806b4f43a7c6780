/** Delegation tokens (KIP-48). */
import { defineApi } from "../schema/api.ts";
import { array, bytes, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const CreateDelegationTokenRequest = message("CreateDelegationTokenRequest", "1-3", "2+", {
  ownerPrincipalType: string({ versions: "3+", nullable: "3+" }),
  ownerPrincipalName: string({ versions: "3+", nullable: "3+" }),
  renewers: array({
    principalType: string(),
    principalName: string(),
  }),
  maxLifetimeMs: int64(),
});

export const CreateDelegationTokenResponse = message("CreateDelegationTokenResponse", "1-3", "2+", {
  errorCode: int16(),
  principalType: string(),
  principalName: string(),
  tokenRequesterPrincipalType: string({ versions: "3+" }),
  tokenRequesterPrincipalName: string({ versions: "3+" }),
  issueTimestampMs: int64(),
  expiryTimestampMs: int64(),
  maxTimestampMs: int64(),
  tokenId: string(),
  hmac: bytes(),
  throttleTimeMs: int32(),
});

/** CreateDelegationToken (key 38): a token for the caller or, from v3, for another owner. */
export const CreateDelegationToken = defineApi({
  key: 38,
  request: CreateDelegationTokenRequest,
  response: CreateDelegationTokenResponse,
  listeners: ["broker", "controller"],
});

export const RenewDelegationTokenRequest = message("RenewDelegationTokenRequest", "1-2", "2+", {
  hmac: bytes(),
  renewPeriodMs: int64(),
});

export const RenewDelegationTokenResponse = message("RenewDelegationTokenResponse", "1-2", "2+", {
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
});

/** RenewDelegationToken (key 39): moves the expiry of a token. */
export const RenewDelegationToken = defineApi({
  key: 39,
  request: RenewDelegationTokenRequest,
  response: RenewDelegationTokenResponse,
  listeners: ["broker", "controller"],
});

export const ExpireDelegationTokenRequest = message("ExpireDelegationTokenRequest", "1-2", "2+", {
  hmac: bytes(),
  expiryTimePeriodMs: int64(),
});

export const ExpireDelegationTokenResponse = message("ExpireDelegationTokenResponse", "1-2", "2+", {
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
});

/** ExpireDelegationToken (key 40): ends a token. */
export const ExpireDelegationToken = defineApi({
  key: 40,
  request: ExpireDelegationTokenRequest,
  response: ExpireDelegationTokenResponse,
  listeners: ["broker", "controller"],
});

export const DescribeDelegationTokenRequest = message("DescribeDelegationTokenRequest", "1-3", "2+", {
  owners: array(
    {
      principalType: string(),
      principalName: string(),
    },
    { nullable: "0+" },
  ),
});

export const DescribeDelegationTokenResponse = message("DescribeDelegationTokenResponse", "1-3", "2+", {
  errorCode: int16(),
  tokens: array({
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string({ versions: "3+" }),
    tokenRequesterPrincipalName: string({ versions: "3+" }),
    issueTimestamp: int64(),
    expiryTimestamp: int64(),
    maxTimestamp: int64(),
    tokenId: string(),
    hmac: bytes(),
    renewers: array({
      principalType: string(),
      principalName: string(),
    }),
  }),
  throttleTimeMs: int32(),
});

/** DescribeDelegationToken (key 41): tokens by owner. */
export const DescribeDelegationToken = defineApi({
  key: 41,
  request: DescribeDelegationTokenRequest,
  response: DescribeDelegationTokenResponse,
  listeners: ["broker", "controller"],
});
