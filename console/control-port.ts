/** Where the control API listens when nobody says. */
export const DEFAULT_CONTROL_PORT = 9644;
