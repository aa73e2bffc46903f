"""The examples in the docs, for the tests that run them."""

import re

from tests.support.house import ROOT


def examples(page: str, language: str) -> list[str]:
    """The code of that language in a page of the docs, as `examples("embedding.md", "html")`."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
