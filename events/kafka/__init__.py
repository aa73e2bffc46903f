"""Kafka as the log: a topic, its key the visitor, its partitions Kafka's own."""
