/** Bugs of the controller and of what brokers tell it. */
import { PartitionIndex, PartitionSet } from "../../../cluster/controller/partition-index.ts";
import { BrokerLifecycle } from "../../../cluster/membership/broker-lifecycle.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

type LifecycleOptions = ConstructorParameters<typeof BrokerLifecycle>[0];

export const CONTROLLER_BUGS: readonly InjectedBug[] = [
  {
    name: "R38",
    what: "a dirty restart is taken for a clean one: what it lost stays in ISR and eligible replicas (KAFKA-18635)",
    inject: (cluster) =>
      replaceMethod(
        BrokerLifecycle.prototype,
        "register",
        (original) =>
          function (this: BrokerLifecycle) {
            const own = this as unknown as { options: LifecycleOptions };
            const { brokerId } = own.options.registration();
            const previousBrokerEpoch = cluster.running.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
            own.options = { ...own.options, previousBrokerEpoch };
            return original.call(this);
          },
      ),
  },
  {
    name: "R36",
    what: "a dirty restart takes a broker out of ISRs only: it stays eligible for leaderships (KIP-966)",
    inject: () => {
      const eligible = new WeakSet<object>();
      const undo = replaceMethod(
        PartitionIndex.prototype,
        "apply",
        (original) =>
          function (this: PartitionIndex, delta) {
            if (!eligible.has(this)) {
              eligible.add(this);
              this.eligible.get = () => new PartitionSet();
            }
            return original.call(this, delta);
          },
      );
      return undo;
    },
  },
];
