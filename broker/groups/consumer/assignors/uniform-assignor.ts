/**
 * `uniform`: everyone gets as many partitions as everyone else, give or take one, and keeps what it had as far as that goes.
 */
import type { AssignorInput, AssignorOutput } from "./assignor.ts";
import { assignUniformlyToDifferent } from "./uniform-heterogeneous.ts";
import { assignUniformlyToAlike } from "./uniform-homogeneous.ts";

export function assignUniformly(input: AssignorInput): AssignorOutput {
  return input.homogeneous ? assignUniformlyToAlike(input) : assignUniformlyToDifferent(input);
}
