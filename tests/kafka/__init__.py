"""Kafka as the log, with everything around it as it runs."""
