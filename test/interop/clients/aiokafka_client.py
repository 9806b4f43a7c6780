"""aiokafka behind the arguments that program-client.ts describes."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def create(bootstrap, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(topic, int(partitions), 1)])
        if any(error[1] != 0 for error in answer.topic_errors):
            raise SystemExit(f"not created: {answer}")
    finally:
        await admin.close()


async def produce(bootstrap, topic, codec):
    compression = None if codec == "none" else codec
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=compression, acks="all")
    await producer.start()
    try:
        sent = []
        for line in sys.stdin:
            key, value = line.rstrip("\n").split("\t", 1)
            sent.append(await producer.send(topic, value.encode(), key.encode()))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def show(record):
    print(record.partition, record.offset, record.key.decode(), record.value.decode(), sep="\t", flush=True)


async def read(bootstrap, topic, count):
    # Without a group it assigns itself all partitions.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        for _ in range(int(count)):
            show(await consumer.getone())
    finally:
        await consumer.stop()


async def join(bootstrap, topic, group):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=True
    )
    await consumer.start()
    leaving = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    try:
        while not leaving.done():
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    show(record)
    finally:
        await consumer.stop()


asyncio.run({"create": create, "produce": produce, "read": read, "join": join}[sys.argv[1]](*sys.argv[2:]))
