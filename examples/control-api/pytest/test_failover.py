"""A leader is killed and nothing acknowledged is lost: with confluent-kafka, and the control API of a running cluster."""

import json
import os
import urllib.request

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

CONTROL = os.environ.get("ODRADEK_CONTROL", "http://127.0.0.1:9644")


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(CONTROL + path, data, method=method)) as answer:
        return json.load(answer)


def create_topic(bootstrap, name, config=None):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 3, config=config or {})])[name].result()
    control("POST", "/wait", {"for": "in-sync", "topic": name})


@pytest.fixture
def bootstrap():
    control("POST", "/reset")
    return control("GET", "/")["bootstrapServers"]


def test_a_killed_leader_costs_nothing_that_was_acknowledged(bootstrap):
    create_topic(bootstrap, "payments", {"min.insync.replicas": "2"})

    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    producer.produce("payments", b"before", on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(10) == 0

    leader = control("GET", "/topics/payments")["partitions"][0]["leader"]
    assert control("POST", f"/nodes/{leader}/kill")["state"] == "stopped"
    control("POST", "/wait", {"for": "leader", "topic": "payments", "partition": 0, "not": leader})

    producer.produce("payments", b"after", on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(10) == 0
    assert failed == []

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    consumer.assign([TopicPartition("payments", 0, 0)])
    assert [message.value() for message in consumer.consume(2, timeout=10)] == [b"before", b"after"]
    consumer.close()

    assert control("POST", f"/nodes/{leader}/restart")["state"] == "running"


def test_a_lost_answer_is_not_a_lost_record(bootstrap):
    create_topic(bootstrap, "payments")
    fault = control("POST", "/faults", {"api": "Produce", "drop": "after", "once": True})

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    producer.produce("payments", b"once")
    assert producer.flush(10) == 0

    assert control("GET", f"/faults/{fault['id']}")["fired"] == 1
    assert control("GET", "/topics/payments")["partitions"][0]["highWatermark"] == 1
