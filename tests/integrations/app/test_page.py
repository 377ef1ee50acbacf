"""The page as Gradio has it: its tabs, its bounds, its messages; and the command that serves it."""

import socket
import sys
from typing import Any

import pytest

from wavcube.errors import AudioError, AudioWarning, MissingDependencyError, WavCubeError
from wavcube.integrations.app import serve
from wavcube.integrations.app.models import Models


@pytest.fixture
def page() -> Any:
    pytest.importorskip("gradio")
    from wavcube.integrations.app.page import Page

    return Page(Models()).build()


def test_there_is_a_tab_for_each_ability_that_has_a_model(page: Any) -> None:
    tabs = [block.label for block in page.blocks.values() if type(block).__name__ == "Tab"]
    assert tabs == ["Reconstruct", "Speak", "Clean up", "Separate", "Convert a voice", "Compare"]


def test_tabs_that_clone_voices_say_whose_consent_they_need(page: Any) -> None:
    texts = " ".join(block.value for block in page.blocks.values() if type(block).__name__ == "Markdown")
    assert "Cloning a voice needs its owner's consent." in texts
    assert "Converting to a voice needs its owner's consent." in texts


def test_one_event_computes_at_a_time_and_none_is_an_open_interface(page: Any) -> None:
    events = [event for event in page.fns.values() if event.fn is not None]
    waiting = [event for event in events if event.queue and event.concurrency_id == "models"]
    assert len(waiting) >= 6
    assert all(event.concurrency_limit == 1 for event in waiting)
    named = [event for event in events if not event.targets or event.targets[0][1] != "unload"]
    assert all(event.api_visibility == "private" for event in named)


def test_nothing_is_sent_home(page: Any) -> None:
    from wavcube.integrations.app.page import THEME, head

    assert not page.analytics_enabled
    assert page.delete_cache is not None
    assert "http" not in head().replace("http://www.w3.org", "")
    assert not THEME._stylesheets


def test_errors_and_warnings_become_messages_that_hold_no_html(monkeypatch: pytest.MonkeyPatch) -> None:
    gr = pytest.importorskip("gradio")
    import warnings

    from wavcube.integrations.app import answers

    shown: list[str] = []
    monkeypatch.setattr(answers.gr, "Warning", shown.append)

    @answers.answered
    def run(name: str | None) -> str:
        if name is None:
            raise AudioError("<script>.wav: is no recording")
        warnings.warn(f"{name}: is odd", AudioWarning, stacklevel=1)
        return "<p>made</p>"

    with pytest.raises(gr.Error) as found:
        run(None)
    assert found.value.message == "&lt;script&gt;.wav: is no recording"
    assert not found.value.print_exception
    assert run("<b>.wav") == "<div class='wavcube'><p>made</p></div>"
    assert shown == ["&lt;b&gt;.wav: is odd"]


def test_a_bug_stays_an_error_of_the_server() -> None:
    pytest.importorskip("gradio")
    from wavcube.integrations.app.answers import answered

    with pytest.raises(ZeroDivisionError):
        answered(lambda: str(1 / 0))()


@pytest.fixture
def settings_of_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `serve` sets for the whole process is as before afterwards."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", "unset")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.mark.usefixtures("settings_of_gradio")
def test_without_gradio_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("page", "answers"):
        monkeypatch.delitem(sys.modules, f"wavcube.integrations.app.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MissingDependencyError, match=r'^the page needs gradio: pip install "wavcube\[demo\]"$'):
        serve()


@pytest.mark.usefixtures("settings_of_gradio")
def test_a_port_that_is_taken_is_one_sentence() -> None:
    pytest.importorskip("gradio")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(WavCubeError, match=rf"^port {port} is taken; choose another \(--port\)$"):
            serve(port=port)
