/** What Apache Kafka answers about security when it has none: no authorizer, no authentication. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { CreateAcls, DeleteAcls, DescribeAcls } from "../../../protocol/messages/acls.ts";
import {
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
  RenewDelegationToken,
} from "../../../protocol/messages/delegation-tokens.ts";
import { SaslAuthenticate, SaslHandshake } from "../../../protocol/messages/sasl.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

const { SECURITY_DISABLED, ILLEGAL_SASL_STATE, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: NOT_ALLOWED } = ErrorCode;
const NO_AUTHORIZER = { errorCode: SECURITY_DISABLED, errorMessage: "No Authorizer is configured." };

export function unsecuredCases(planeOf: () => DataPlane): void {
  test("access control lists: there is no authorizer", async () => {
    using asker = await WireAsker.open(planeOf().address);
    const any = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null };
    const filter = { ...any, hostFilter: null, operation: 1, permissionType: 1 };
    const acl = { resourceType: 2, resourceName: "t", resourcePatternType: 3, principal: "User:a", host: "*" };
    for (let version = 1; version <= 3; version++) {
      const errorMessage = "No Authorizer is configured on the broker";
      const described = await asker.ask(DescribeAcls, version, filter);
      expect(described).toMatchObject({ ...NO_AUTHORIZER, errorMessage, resources: [] });
      const creations = [acl, acl].map((one) => ({ ...one, operation: 3, permissionType: 3 }));
      const created = await asker.ask(CreateAcls, version, { creations });
      expect(created.results).toEqual([NO_AUTHORIZER, NO_AUTHORIZER]);
      const deleted = await asker.ask(DeleteAcls, version, { filters: [filter] });
      expect(deleted.filterResults).toEqual([{ ...NO_AUTHORIZER, matchingAcls: [] }]);
    }
  });

  test("SASL: there is nothing to authenticate", async () => {
    using asker = await WireAsker.open(planeOf().address);
    for (let version = 0; version <= 1; version++) {
      const answer = await asker.ask(SaslHandshake, version, { mechanism: "PLAIN" });
      expect(answer).toMatchObject({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] });
    }
    for (let version = 0; version <= 2; version++) {
      const answer = await asker.ask(SaslAuthenticate, version, { authBytes: Buffer.from("\0a\0b") });
      expect(answer).toMatchObject({
        errorCode: ILLEGAL_SASL_STATE,
        errorMessage: "SaslAuthenticate request received after successful authentication",
      });
      expect(answer.authBytes).toHaveLength(0);
    }
  });

  test("delegation tokens: nobody without authentication has one", async () => {
    using asker = await WireAsker.open(planeOf().address);
    for (let version = 1; version <= 3; version++) {
      const owner = version >= 3 ? { ownerPrincipalType: null, ownerPrincipalName: null } : {};
      const created = await asker.ask(CreateDelegationToken, version, { ...owner, renewers: [], maxLifetimeMs: -1 });
      expect(created).toMatchObject({
        ...{ errorCode: NOT_ALLOWED, principalType: "User", principalName: "ANONYMOUS", tokenId: "" },
        ...{ issueTimestampMs: -1, expiryTimestampMs: -1, maxTimestampMs: -1 },
      });
      const described = await asker.ask(DescribeDelegationToken, version, { owners: null });
      expect(described).toMatchObject({ errorCode: NOT_ALLOWED, tokens: [] });
    }
    for (let version = 1; version <= 2; version++) {
      const hmac = Buffer.from("hmac");
      const renewed = await asker.ask(RenewDelegationToken, version, { hmac, renewPeriodMs: 1 });
      const expired = await asker.ask(ExpireDelegationToken, version, { hmac, expiryTimePeriodMs: 1 });
      for (const answer of [renewed, expired]) {
        expect(answer).toMatchObject({ errorCode: NOT_ALLOWED, expiryTimestampMs: -1 });
      }
    }
  });
}
