"""What an engine is known not to pass, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """Why a test fails. One that fails `always` and passes after all is a failure."""

    why: str
    always: bool = True


NO_PAST = Expected(
    "the engine keeps no record of visibility from before the script came (`visibility-state` entries)"
)
NO_LONG_TASKS = Expected(
    "the engine reports no long tasks, so a silence of more than 3 s counts as 3 s"
)
NO_NAVIGATION = Expected(
    "without the Navigation API a move in the page is noticed within a second, not at once",
    always=False,
)

NOT_KEPT = Expected(
    "now and then the engine does not keep the page in its back/forward cache", always=False
)

KNOWN = {
    ("firefox", "test_back_from_the_back_forward_cache_is_a_new_pageview"): NOT_KEPT,
    ("firefox", "test_a_script_that_comes_late_misses_nothing"): NO_PAST,
    ("firefox", "test_a_script_that_comes_after_the_look_counts_it"): NO_PAST,
    ("firefox", "test_a_blocked_main_thread_counts_in_full"): NO_LONG_TASKS,
    ("webkit", "test_a_script_that_comes_late_misses_nothing"): NO_PAST,
    ("webkit", "test_a_script_that_comes_after_the_look_counts_it"): NO_PAST,
    ("webkit", "test_a_blocked_main_thread_counts_in_full"): NO_LONG_TASKS,
    ("webkit", "test_tabs_switched_in_place_are_pageviews"): NO_NAVIGATION,
    ("webkit", "test_a_push_to_another_path_is_a_pageview"): NO_NAVIGATION,
}
"""By engine and test."""


def expected(engine: str, test: str) -> Expected | None:
    """What is known of a test in an engine."""
    return KNOWN.get((engine, test))
