"""An installation that is posted numbered facts, and knows which of them were kept."""

import json
import urllib.request
from contextlib import closing

from dwell.events.log_file import open_to_read
from tests.support.collecting import distinct
from tests.support.installation import Installation


class Posted(Installation):
    """Facts 0, 1, 2, … of a pageview each; one that was not kept is sent again."""

    kept = 0
    """How many were answered 204."""

    def post_next(self, count: int = 1, **more: object) -> int:
        """The status with which the next few facts are answered; `more` are fields of theirs."""
        facts = [distinct(self.kept + number) | more for number in range(count)]
        status = self.post(*facts)
        self.kept += count if status == 204 else 0
        return status

    @property
    def wanted(self) -> set[str]:
        """The pageviews of what was kept."""
        return {distinct(number)["pageview_id"] for number in range(self.kept)}

    def published_all(self) -> bool:
        """Whether what was kept is published, each once."""
        rows = self.ask("select pageview_id::varchar from pageview")
        return sorted(pageview for (pageview,) in rows) == sorted(self.wanted)

    def logged(self) -> set[str]:
        """The pageviews in the log, which is whole."""
        with closing(open_to_read(self.as_read.embedded_log)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
            rows = connection.execute("select value from record").fetchall()
        return {json.loads(value)["data"]["pageview_id"] for (value,) in rows}

    def page(self) -> int:
        """The status of a page."""
        with urllib.request.urlopen(f"{self.origin}/page_a", timeout=10) as answer:
            return int(answer.status)
