/** Client quotas (KIP-546). */
import { defineApi } from "../schema/api.ts";
import { array, bool, float64, int8, int16, int32, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const DescribeClientQuotasRequest = message("DescribeClientQuotasRequest", "0-1", "1+", {
  components: array({
    entityType: string(),
    matchType: int8(),
    match: string({ nullable: "0+" }),
  }),
  strict: bool(),
});

export const DescribeClientQuotasResponse = message("DescribeClientQuotasResponse", "0-1", "1+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  entries: array(
    {
      entity: array({
        entityType: string(),
        entityName: string({ nullable: "0+" }),
      }),
      values: array({
        key: string(),
        value: float64(),
      }),
    },
    { nullable: "0+" },
  ),
});

/** DescribeClientQuotas (key 48): quotas that match entities. */
export const DescribeClientQuotas = defineApi({
  key: 48,
  request: DescribeClientQuotasRequest,
  response: DescribeClientQuotasResponse,
  listeners: ["broker"],
});

export const AlterClientQuotasRequest = message("AlterClientQuotasRequest", "0-1", "1+", {
  entries: array({
    entity: array({
      entityType: string(),
      entityName: string({ nullable: "0+" }),
    }),
    ops: array({
      key: string(),
      value: float64(),
      remove: bool(),
    }),
  }),
  validateOnly: bool(),
});

export const AlterClientQuotasResponse = message("AlterClientQuotasResponse", "0-1", "1+", {
  throttleTimeMs: int32(),
  entries: array({
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    entity: array({
      entityType: string(),
      entityName: string({ nullable: "0+" }),
    }),
  }),
});

/** AlterClientQuotas (key 49): sets or removes quotas. */
export const AlterClientQuotas = defineApi({
  key: 49,
  request: AlterClientQuotasRequest,
  response: AlterClientQuotasResponse,
  listeners: ["broker", "controller"],
});
