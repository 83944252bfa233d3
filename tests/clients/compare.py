"""Takes out of a tool's output what must differ between two brokers."""
import re

# What the reference has more: eligible leader replicas, which come with replication, and cordoned directories.
MORE = ["DYNAMIC_DEFAULT_BROKER_CONFIG:min.insync.replicas=1, ", " or some brokers have all their log directories cordoned"]


def plain(text, broker):
    """Without ids, ports, paths and log lines."""
    for more in MORE:
        text = text.replace(more, "")
    text = text.replace(str(broker.data), "DATA").replace(f"127.0.0.1:{broker.port}", "BROKER")
    text = re.sub(r"TopicId: \S{22}", "TopicId: ID", text)
    text = re.sub(r'("(?:topic_)?id": ?)"[\w-]{22}"', r'\1"ID"', text)
    # Everyone documents settings in his own words.
    text = re.sub(r'"about": ".*"', '"about": ""', text)
    text = re.sub(r"Cluster ID: \S{22}", "Cluster ID: ID", text)
    # The stack traces and log lines that Apache's tools print below their own message.
    return "\n".join(line for line in text.splitlines() if not re.match(r"\tat |\d{4}-\d\d-\d\d[ T]|Caused by: ", line))
