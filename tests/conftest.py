"""What every test session says at its end."""

import pytest

WANT_OF_DATA = ("WAVCUBE_GOLDEN", "needs data")
"""Reasons of skips that hold because something is not on this machine that a clone does not bring."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    lacking = sum(any(want in reason for want in WANT_OF_DATA) for reason in reasons)
    if lacking:
        terminalreporter.write_line(
            f"{lacking} tests were skipped for want of data (the complete golden arrays: WAVCUBE_GOLDEN names their "
            f"folder); their committed cuts did run"
        )
