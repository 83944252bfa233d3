"""librdkafka as it is: an idempotent producer that says of every record what became of it, in the words of Apache
Kafka's VerifiableProducer. It stops when its stdin ends.

    librdkafka.py BOOTSTRAP TOPIC RECORDS_PER_SECOND
"""
import json
import select
import sys
import time

from confluent_kafka import Producer

bootstrap, topic, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])


def tell(**fields):
    sys.stdout.write(json.dumps(fields, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def delivered(error, message):
    value = message.value().decode()
    if error is None:
        tell(name="producer_send_success", value=value, partition=message.partition(), offset=message.offset())
    else:
        tell(name="producer_send_error", value=value, message=str(error))


producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 5,
                     "log_level": 0, "error_cb": lambda error: error.fatal() and tell(name="producer_send_error", value="-", message=str(error))})
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        producer.produce(topic, value=str(number), on_delivery=delivered)
        number += 1
    except BufferError:
        pass
    producer.poll(1 / rate)
    time.sleep(0.5 / rate)
left = producer.flush(30)
tell(name="tool_data", sent=number, left=left)
