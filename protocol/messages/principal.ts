/** Who a forwarded request comes from. */
import { bool, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** The principal in an Envelope, behind an int16 version. */
export const DefaultPrincipalData = message("DefaultPrincipalData", "0", "0+", {
  type: string(),
  name: string(),
  tokenAuthenticated: bool(),
});
