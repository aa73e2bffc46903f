"""The collector: takes the facts that browsers post and answers when they are durable."""

from dwell.site.collector.endpoint import Collector

__all__ = ["Collector"]
