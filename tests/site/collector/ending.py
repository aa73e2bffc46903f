"""The end of a visitor, whose answer sets two cookies."""

import http.client
from contextlib import closing

from tests.support.collecting import Answer, Headers, Site


def end_visitor(
    site: Site, headers: Headers | None = None, method: str = "DELETE"
) -> tuple[Answer, list[str]]:
    """The answer to a request that ends the visitor, and each of its `Set-Cookie` headers."""
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)) as connection:
        connection.request(method, "/dwell/visitor", headers=dict(headers or {}))
        response = connection.getresponse()
        pairs = [(name.lower(), value) for name, value in response.getheaders()]
        cookies = [value for name, value in pairs if name == "set-cookie"]
        return Answer(response.status, dict(pairs), response.read()), cookies
