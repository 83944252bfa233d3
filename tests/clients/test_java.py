"""Apache Kafka's admin client. Its producer and consumer are in test_cross.py."""


def test_admin_client(broker, jvm, topic):
    result = jvm.run("AdminChecks", broker.bootstrap, topic)
    assert result.code == 0, result.out + result.err
