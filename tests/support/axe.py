"""What axe says of a page in Chromium, and what its visitor prefers."""

from collections.abc import Collection
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

AXE = Path(__file__).parents[2] / ".cache/npm/node_modules/axe-core/axe.min.js"


def source() -> str:
    """The source of axe; skips the test where it is not."""
    if not AXE.exists():
        pytest.skip("axe-core is not in .cache/npm; ./dev test brings it where there is npm")
    return AXE.read_text("utf-8")


def prefer(browser: Chrome, feature: str, value: str) -> None:
    """Emulate a preference of the visitor."""
    features = [{"name": feature, "value": value}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def violations(browser: Chrome, axe: str, undecided: Collection[str] = ()) -> list[str]:
    """What axe finds, and what it could not decide, element by element.

    Args:
        undecided: rules of which it need not decide everything.
    """
    browser.execute_script(axe)
    browser.set_script_timeout(30)
    found: list[str] = browser.execute_async_script(
        """
        const [undecided, done] = arguments;
        const told = ({id, nodes}) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`);
        axe.run({resultTypes: ["violations", "incomplete"]}).then(
          ({violations, incomplete}) => done(
            [...violations, ...incomplete.filter(({id}) => !undecided.includes(id))].flatMap(told)),
          (error) => done([String(error)]));
        """,
        list(undecided),
    )
    return found
