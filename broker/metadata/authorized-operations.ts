/**
 * Operations a caller may perform, as the bit fields of answers. Without an authorizer everyone may do everything that applies.
 */
export const NOT_ASKED = -0x80000000;
/** read, write, create, delete, alter, describe, describe configs, alter configs */
export const ALL_TOPIC_OPERATIONS = 3576;
/** create, alter, describe, cluster action, describe configs, alter configs, idempotent write, ... */
export const ALL_CLUSTER_OPERATIONS = 8096;
/** read, delete, describe, describe configs, alter configs */
export const ALL_GROUP_OPERATIONS = 3400;
