"""A member of a share group with confluent-kafka (librdkafka), behind the arguments that share-story.ts describes."""

import os
import sys
import threading

from confluent_kafka import AcknowledgeType, KafkaException, ShareConsumer

ended = threading.Event()


def watch_input():
    while os.read(0, 1024):
        pass
    ended.set()


def say(word, message):
    value = message.value().decode()
    print(word, message.partition(), message.offset(), message.delivery_count(), value, sep="\t", flush=True)


bootstrap, topic, group = sys.argv[1:4]
threading.Thread(target=watch_input, daemon=True).start()
consumer = ShareConsumer(
    {"bootstrap.servers": bootstrap, "group.id": group, "share.acknowledgement.mode": "explicit", "max.poll.records": 20}
)
consumer.subscribe([topic])
while not ended.is_set():
    accepted = []
    for message in consumer.poll(0.2):
        if message.error():
            continue
        say("got", message)
        poison = message.value().startswith(b"poison")
        consumer.acknowledge(message, AcknowledgeType.RELEASE if poison else AcknowledgeType.ACCEPT)
        if not poison:
            accepted.append(message)
    try:
        results = consumer.commit_sync(10)
    except KafkaException:
        continue
    stored = {partition.partition for partition, error in results.items() if error is None}
    for message in accepted:
        if message.partition() in stored:
            say("accepted", message)
consumer.close()
