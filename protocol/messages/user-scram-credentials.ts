/** SCRAM credentials (KIP-554). */
import { defineApi } from "../schema/api.ts";
import { array, bytes, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeUserScramCredentialsRequest = message("DescribeUserScramCredentialsRequest", "0", "0+", {
  users: array(
    {
      name: string(),
    },
    { nullable: "0+" },
  ),
});

export const DescribeUserScramCredentialsResponse = message("DescribeUserScramCredentialsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  results: array({
    user: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    credentialInfos: array({
      mechanism: int8(),
      iterations: int32(),
    }),
  }),
});

/** DescribeUserScramCredentials (key 50): mechanisms and iterations of users. */
export const DescribeUserScramCredentials = defineApi({
  key: 50,
  request: DescribeUserScramCredentialsRequest,
  response: DescribeUserScramCredentialsResponse,
  listeners: ["broker", "controller"],
});

export const AlterUserScramCredentialsRequest = message("AlterUserScramCredentialsRequest", "0", "0+", {
  deletions: array({
    name: string(),
    mechanism: int8(),
  }),
  upsertions: array({
    name: string(),
    mechanism: int8(),
    iterations: int32(),
    salt: bytes(),
    saltedPassword: bytes(),
  }),
});

export const AlterUserScramCredentialsResponse = message("AlterUserScramCredentialsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  results: array({
    user: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
  }),
});

/** AlterUserScramCredentials (key 51): sets or removes credentials. */
export const AlterUserScramCredentials = defineApi({
  key: 51,
  request: AlterUserScramCredentialsRequest,
  response: AlterUserScramCredentialsResponse,
  listeners: ["broker", "controller"],
});
