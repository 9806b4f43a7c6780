/** Bugs of the controller and of what brokers tell it. */
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
];
