"""The collector's figures in a registry of somebody else's."""

import threading

from prometheus_client import CollectorRegistry, generate_latest

from dwell.site.figures import SiteFigures
from tests.support.collecting import collecting, fact
from tests.support.figures import Samples, samples_in, value
from tests.support.running import wait_until


def test_what_waits_for_the_log_is_told_until_it_is_durable() -> None:
    with collecting(durable_within=30) as site:
        registry = CollectorRegistry()
        registry.register(SiteFigures(site.dwell))

        def told() -> Samples:
            return samples_in(generate_latest(registry).decode())

        site.log.stop()
        posting = threading.Thread(target=site.post, args=(fact(), fact(1)))
        posting.start()
        wait_until(lambda: site.waiting == 1)
        assert value(told(), "dwell_site_waiting_facts") == 2
        assert value(told(), "dwell_site_waiting_bytes") > 1_000
        assert value(told(), "dwell_site_facts_accepted_total") == 0
        site.log.resume()
        posting.join()
        assert value(told(), "dwell_site_waiting_facts") == 0
        assert value(told(), "dwell_site_waiting_bytes") == 0
        assert value(told(), "dwell_site_facts_accepted_total") == 2


def test_what_the_log_did_not_take_is_counted_as_refused_and_waits_no_more() -> None:
    with collecting() as site:
        registry = CollectorRegistry()
        registry.register(SiteFigures(site.dwell))
        site.log.fail("the disk is full")
        assert site.post(fact()).status == 503
        samples = samples_in(generate_latest(registry).decode())
        reason = {"reason": "log_unavailable"}
        assert value(samples, "dwell_site_requests_refused_total", reason) == 1
        assert value(samples, "dwell_site_durable_seconds_count") == 0
        assert value(samples, "dwell_site_waiting_facts") == 0
