"""kafka-python behind the arguments that program-client.ts describes."""

import sys
import threading

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic


def create(bootstrap, topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=topic, num_partitions=int(partitions), replication_factor=-1)])
    admin.close()


def produce(bootstrap, topic, codec):
    compression = None if codec == "none" else codec
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=compression, acks="all")
    sent = []
    for line in sys.stdin:
        key, value = line.rstrip("\n").split("\t", 1)
        sent.append(producer.send(topic, value.encode(), key.encode()))
    for future in sent:
        future.get(60)
    producer.close()


def show(record):
    print(record.partition, record.offset, record.key.decode(), record.value.decode(), sep="\t", flush=True)


def read(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    partitions = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    left = int(count)
    while left > 0:
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                show(record)
                left -= 1
    consumer.close()


def join(bootstrap, topic, group):
    leaving = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), leaving.set()), daemon=True).start()
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
    while not leaving.is_set():
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                show(record)
    consumer.close()


{"create": create, "produce": produce, "read": read, "join": join}[sys.argv[1]](*sys.argv[2:])
