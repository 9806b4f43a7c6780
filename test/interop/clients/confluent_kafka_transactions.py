"""librdkafka (confluent-kafka) behind the lines that transaction-program.ts describes."""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, OFFSET_BEGINNING

BOOTSTRAP, TRANSACTIONAL_ID, GROUP = sys.argv[1:4]
FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
WAIT_S = 20


class Program:
    def __init__(self):
        self.producer = None
        self.consumer = None

    def init(self):
        self.producer = Producer(
            {
                "bootstrap.servers": BOOTSTRAP,
                "transactional.id": TRANSACTIONAL_ID,
                "transaction.timeout.ms": 20000,
                "message.timeout.ms": 15000,
                "linger.ms": 0,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self.producer.init_transactions(WAIT_S)

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        outcome = []
        self.producer.produce(
            topic, value=value, partition=int(partition), on_delivery=lambda error, message: outcome.append((error, message))
        )
        self.producer.flush(WAIT_S)
        if not outcome:
            raise TimeoutError("no delivery report")
        error, message = outcome[0]
        if error is not None:
            raise KafkaException(error)
        return str(message.offset())

    def commit(self):
        self.producer.commit_transaction(WAIT_S)

    def abort(self):
        self.producer.abort_transaction(WAIT_S)

    def assign(self, topic, partitions):
        self.renew_consumer()
        self.consumer.assign([TopicPartition(topic, int(p), OFFSET_BEGINNING) for p in partitions.split(",")])

    def subscribe(self, topic):
        self.renew_consumer()
        self.consumer.subscribe([topic])

    def poll(self, timeout_ms):
        messages = self.consumer.consume(500, int(timeout_ms) / 1000)
        found = [m for m in messages if m.error() is None]
        return " ".join(f"{m.partition()}:{m.offset()}:{m.value().decode()}" for m in found)

    def rewind(self):
        for place in self.consumer.committed(self.consumer.assignment(), WAIT_S):
            offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
            self.consumer.seek(TopicPartition(place.topic, place.partition, offset))

    def offsets(self):
        places = [p for p in self.consumer.position(self.consumer.assignment()) if p.offset >= 0]
        self.producer.send_offsets_to_transaction(places, self.consumer.consumer_group_metadata(), WAIT_S)

    def renew_consumer(self):
        if self.consumer is not None:
            self.consumer.close()
        self.consumer = Consumer(
            {
                "bootstrap.servers": BOOTSTRAP,
                "group.id": GROUP,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 500,
                "fetch.wait.max.ms": 100,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )


def name_of(error):
    # What a callback raises comes wrapped.
    if isinstance(error, SystemError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, KafkaException):
        cause = error.args[0]
        if cause.code() in FENCED:
            return f"fenced {cause}"
        return f"{cause.name()} {cause.str()}"
    return f"{type(error).__name__} {error}"


program = Program()
for line in sys.stdin:
    command, *arguments = line.split()
    try:
        print("ok", getattr(program, command)(*arguments) or "", flush=True)
    except Exception as error:
        print("error", name_of(error).replace("\n", " "), flush=True)
if program.consumer is not None:
    program.consumer.close()
