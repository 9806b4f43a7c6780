/** Every message that protocol/messages exports, by name: what tests over all schemas iterate. */
import { readdirSync } from "node:fs";
import type { Message } from "../../protocol/schema/message.ts";

const FOLDER = new URL("../../protocol/messages/", import.meta.url);

/** The messages in the order of their names. */
export async function allMessages(): Promise<Message[]> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));
  const modules = await Promise.all(files.map((name) => import(new URL(name, FOLDER).href)));
  const exported = modules.flatMap((module) => Object.values(module as Record<string, unknown>));
  const messages = exported.filter(isMessage);
  return messages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && "validVersions" in value && "fields" in value;
}

/** Every version of a message that exists, oldest first. */
export function versionsOf(message: Message): number[] {
  const { min, max } = message.validVersions;
  return Array.from({ length: max - min + 1 }, (_, i) => min + i);
}
