"""A librdkafka producer as soak/clients.ts describes it: idempotent, acks=all."""

import sys
import threading
import time

from confluent_kafka import Producer

PAUSE_S = 0.005
KEYS = 16

bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
producer = Producer(
    {
        "bootstrap.servers": bootstrap,
        "client.id": "soak",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,
        "retry.backoff.ms": 20,
        "reconnect.backoff.ms": 10,
        "reconnect.backoff.max.ms": 100,
        "topic.metadata.refresh.fast.interval.ms": 20,
        "message.timeout.ms": 600000,
        "log_level": 0,
    }
)
lines = []


def delivered(error, message):
    now = time.time() * 1000
    place = f"{message.partition()} {message.value().decode()}"
    if error is not None:
        lines.append(f"failed {place} {error.name()}\n")
        return
    offset = message.offset()
    lines.append(f"ack {place} {offset if offset is not None and offset >= 0 else -1} {now:.3f}\n")


stopping = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
sent = [0] * partitions
due = time.time()
while not stopping.is_set():
    for partition in range(partitions):
        key = f"{partition}-{sent[partition] % KEYS}"
        try:
            producer.produce(topic, str(sent[partition]), key, partition, on_delivery=delivered)
        except BufferError:
            continue
        sent[partition] += 1
    due += PAUSE_S
    while True:
        producer.poll(max(0.0, min(PAUSE_S, due - time.time())))
        if time.time() >= due:
            break
    sys.stdout.write("".join(lines))
    sys.stdout.flush()
    lines.clear()
producer.flush(60)
for partition, count in enumerate(sent):
    lines.append(f"sent {partition} {count}\n")
sys.stdout.write("".join(lines))
sys.stdout.flush()
