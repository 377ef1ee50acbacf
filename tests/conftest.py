"""What holds in every test session, and what it says at its end."""

import os
import time

import pytest

WANT_OF_DATA = ("WAVCUBE_GOLDEN", "needs data")
"""Reasons of skips that hold because something is not on this machine that a clone does not bring."""

MINUTES = float(os.environ.get("WAVCUBE_TEST_MINUTES") or "inf")
"""After so many minutes no test is begun any more: two slow cores would take twice as long as two fast ones."""

OUT_OF_TIME = f"the {MINUTES:g} minutes of WAVCUBE_TEST_MINUTES were over"
STARTED = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.monotonic() - STARTED > 60 * MINUTES:
        pytest.skip(OUT_OF_TIME)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    lacking = sum(any(want in reason for want in WANT_OF_DATA) for reason in reasons)
    if lacking:
        terminalreporter.write_line(
            f"{lacking} tests were skipped for want of data (the complete golden arrays: WAVCUBE_GOLDEN names their "
            f"folder); their committed cuts did run"
        )
    late = sum(OUT_OF_TIME in reason for reason in reasons)
    if late:
        terminalreporter.write_line(
            f"{late} tests were not run, as {OUT_OF_TIME}; `make test WAVCUBE_TEST_MINUTES=` runs all of them"
        )
