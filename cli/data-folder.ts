/**
 * Where data lies when nobody says: a folder of the user's own, by the custom of the system.
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** @param environment the process's variables */
export function userDataFolder(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): string {
  if (platform === "win32") return join(environment.LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "odradek");
  if (platform === "darwin") return join(homedir(), "Library", "Application Support", "odradek");
  const custom = environment.XDG_DATA_HOME;
  // A path that is not absolute is to be ignored (XDG Base Directory Specification).
  return join(custom?.startsWith("/") === true ? custom : join(homedir(), ".local", "share"), "odradek");
}
