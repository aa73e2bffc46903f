"""Give an Apache Superset the published warehouse, a data set and a chart of it, by Superset's API.

    SUPERSET_PASSWORD=… python superset_dwell.py http://127.0.0.1:8088 admin data/warehouse.duckdb

What is there already, by its name, is taken as it is. It prints what Superset draws. Superset needs
the Python package duckdb-engine, and the file at this path.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import HTTPCookieProcessor, Request, build_opener

MEDIAN = {
    "expressionType": "SQL",
    "sqlExpression": "round(median(engagement_time), 1)",
    "label": "median seconds",
}


class Superset:
    """Superset's API, for one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._open = build_opener(HTTPCookieProcessor()).open
        self._headers = {"Content-Type": "application/json", "Referer": self._url}
        given = {"username": user, "password": password, "provider": "db"}
        token = self.call("security/login", given)["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._headers["X-CSRFToken"] = self.call("security/csrf_token/")["result"]

    def call(self, path: str, body: object = None) -> dict:
        """The answer to a GET, or to a POST if there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._url}/api/v1/{path}", data, self._headers)
        with self._open(request) as answer:
            return json.load(answer)

    def have(self, kind: str, name: str, value: str, **fields: object) -> int:
        """The id of the thing whose field `name` has this value; made if there is none."""
        asked = f"(filters:!((col:{name},opr:eq,value:'{value}')))"
        found = self.call(f"{kind}/?q={quote(asked)}")["ids"]
        return found[0] if found else self.call(f"{kind}/", {name: value, **fields})["id"]


def main(url: str, user: str, warehouse: str) -> None:
    """Do it, and print the rows of the chart."""
    superset = Superset(url, user, os.environ["SUPERSET_PASSWORD"])
    # Read-only, or DuckDB would want to write beside a file that is replaced every few seconds.
    uri = f"duckdb:///{Path(warehouse).resolve()}?access_mode=read_only"
    database = superset.have("database", "database_name", "Dwell", sqlalchemy_uri=uri)
    pageview = superset.have("dataset", "table_name", "pageview", database=database, schema="main")
    superset.have(
        "chart",
        "slice_name",
        "Median seconds by view",
        viz_type="table",
        datasource_id=pageview,
        datasource_type="table",
        params=json.dumps({"groupby": ["view_name"], "metrics": [MEDIAN, "count"]}),
    )
    query = {"columns": ["view_name"], "metrics": [MEDIAN, "count"], "orderby": [["count", False]]}
    source = {"id": pageview, "type": "table"}
    drawn = superset.call("chart/data", {"datasource": source, "queries": [query]})
    for row in drawn["result"][0]["data"]:
        print(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
