"""confluent-kafka (librdkafka) behind the arguments that program-client.ts describes."""

import os
import sys
import threading

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.create_topics([NewTopic(topic, int(partitions))])
    futures[topic].result(30)


def produce(bootstrap, topic, codec):
    failures = []
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "acks": "all"})
    for line in sys.stdin:
        key, value = line.rstrip("\n").split("\t", 1)
        producer.produce(topic, value, key, on_delivery=lambda error, _: error and failures.append(error))
    if producer.flush(60) > 0 or failures:
        raise SystemExit(f"not delivered: {failures}")


def show(message):
    if message.error():
        raise KafkaException(message.error())
    key, value = message.key().decode(), message.value().decode()
    print(message.partition(), message.offset(), key, value, sep="\t", flush=True)


def read(bootstrap, topic, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    left = int(count)
    while left > 0:
        message = consumer.poll(1)
        if message is not None:
            show(message)
            left -= 1
    consumer.close()


def join(bootstrap, topic, group):
    leaving = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), leaving.set()), daemon=True).start()
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    is_new = os.environ.get("GROUP_PROTOCOL") == "consumer"
    if is_new:
        settings["group.protocol"] = "consumer"
    if "SESSION_TIMEOUT_MS" in os.environ:
        settings["auto.commit.interval.ms"] = 100
        # In the consumer protocol the cluster says how long sessions are.
        if not is_new:
            settings["session.timeout.ms"] = int(os.environ["SESSION_TIMEOUT_MS"])
            settings["heartbeat.interval.ms"] = 200
    # What was shown may be committed, and nothing before.
    settings["enable.auto.offset.store"] = False
    if "ASSIGNOR" in os.environ:
        settings["group.remote.assignor" if is_new else "partition.assignment.strategy"] = os.environ["ASSIGNOR"]
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while not leaving.is_set():
        message = consumer.poll(0.2)
        if message is not None:
            show(message)
            try:
                consumer.store_offsets(message)
            except KafkaException:
                pass  # The partition has been given to another member meanwhile.
    consumer.close()


{"create": create, "produce": produce, "read": read, "join": join}[sys.argv[1]](*sys.argv[2:])
