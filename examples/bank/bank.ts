/**
 * A bank: transfers between accounts, exactly once, while every node is killed in turn and a banker dies with money in its hand; an
 * auditor adds up all the while, and the sum never changes. Run with `npm run example -- bank`.
 */
import { startCluster } from "../../index.ts";
import { clientOf, conclude, memberOf, say, until } from "../story.ts";
import { Banker, type Order } from "./banker.ts";

const ACCOUNTS = 4;
const START = 1000;
const ORDERS = 40;

interface Entry {
  readonly order: number;
  readonly change: number;
}

await using cluster = await startCluster({ nodes: 3 });
const configs = { "min.insync.replicas": "2" };
await cluster.createTopic("orders", { partitions: 1, configs });
await cluster.createTopic("ledger", { partitions: ACCOUNTS, configs });
const kafka = clientOf(cluster, "bank");
say(`three nodes, ${ACCOUNTS} accounts with ${START} each, a partition for each account`);

const orders = Array.from({ length: ORDERS }, (_, id): Order => {
  const from = (id * 7) % ACCOUNTS;
  return { id, from, to: (from + 1 + (id % (ACCOUNTS - 1))) % ACCOUNTS, amount: 1 + (id % 50) };
});
const teller = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await teller.connect();
await teller.send({ topic: "orders", acks: -1, messages: orders.map((order) => ({ value: JSON.stringify(order) })) });
await teller.disconnect();

// The auditor reads what is committed. Of a transfer whose halves it has not both it says nothing: partitions are read one by one.
const halves = new Map<number, Entry[]>();
const nextOffsets = new Map<number, number>();
const balances = Array.from({ length: ACCOUNTS }, () => START);
let audits = 0;
let wrong = 0;
const auditor = await memberOf(kafka, "auditors", ["ledger"]);
await auditor.run({
  eachMessage: ({ partition, message }) => {
    // When its group finds another coordinator it may be given again what it has seen.
    if (Number(message.offset) < (nextOffsets.get(partition) ?? 0)) return Promise.resolve();
    nextOffsets.set(partition, Number(message.offset) + 1);
    const entry = JSON.parse(String(message.value)) as Entry;
    const known = halves.get(entry.order) ?? [];
    known.push(entry);
    halves.set(entry.order, known);
    balances[partition] = (balances[partition] ?? 0) + entry.change;
    const open = [...halves.values()].filter((both) => both.length === 1).flat();
    const sum =
      balances.reduce((total, balance) => total + balance, 0) - open.reduce((total, { change }) => total + change, 0);
    audits++;
    if (sum !== ACCOUNTS * START || known.length > 2) wrong++;
    return Promise.resolve();
  },
});

const first = await Banker.start(kafka, 10);
await until(() => first.isDead);
say("the first banker dies: it has taken money from an account and not given it to the other");
const second = await Banker.start(kafka);
say("another takes over; what the first left open is aborted");
for (const node of [1, 2, 3]) {
  const before = second.done;
  await until(() => second.done > before || second.done + first.done >= ORDERS);
  await cluster.node(node).kill();
  await cluster.waitUntil.nodeFenced(node);
  await cluster.node(node).restart();
  await cluster.waitUntil.fullyReplicated();
  say(`node ${node} was killed and is back; ${first.done + second.done} transfers are done`);
}
const whole = () => halves.size === ORDERS && [...halves.values()].every((both) => both.length >= 2);
await until(whole);
await Promise.all([auditor.disconnect(), second.leave(), first.leave()]);

const expected = Array.from({ length: ACCOUNTS }, () => START);
for (const { from, to, amount } of orders) {
  expected[from] = (expected[from] ?? 0) - amount;
  expected[to] = (expected[to] ?? 0) + amount;
}
say(`balances: ${balances.join(", ")}`);
const good = wrong === 0 && balances.join() === expected.join();
conclude(good, `${ORDERS} transfers, each once; the sum was ${ACCOUNTS * START} at every one of ${audits} audits`);
