"""The page in a real browser: the system's chromium, driven by Playwright. Skipped where either is missing."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.app.conftest import VOICE
from tests.locations import SPEECH

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")

QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
FAKE_MICROPHONE = "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
LAPTOP, PHONE = (1366, 768), (390, 844)


class Server:
    """`wavcube app` in a process of its own, whose temporary files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "wavcube", "app", "--device", "cpu"]
        settings = os.environ | {"TMPDIR": str(folder), "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.address = line.split()[0]
        assert self.address.startswith("http://127.0.0.1:"), line

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    if server.process.poll() is None:
        server.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET.split(), *FAKE_MICROPHONE.split()])
        yield browser
        browser.close()


class Visit:
    """A page that is open, with what went wrong and where it asked for anything."""

    def __init__(self, browser: Any, server: Server, size: tuple[int, int] = LAPTOP) -> None:
        self.hosts: set[str] = set()
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.set_default_timeout(90_000)
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(server.address)
        self.page.get_by_role("tab", name="Reconstruct").wait_for()
        self.page.get_by_role("button", name="Encode and decode").wait_for()
        self.page.wait_for_timeout(500)  # until the row of tabs has found out which of them fit

    def open(self, name: str) -> Any:
        """Go to a tab; on a narrow page it may be in the menu."""
        tab = self.page.get_by_role("tab", name=name, exact=True)
        if not (tab.count() and tab.is_visible()):
            self.page.get_by_role("button", name="More tabs").click()
            tab = self.page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True)
        tab.click()
        panel = self.page.get_by_role("tabpanel").locator("visible=true").first
        panel.wait_for()
        return panel

    def upload(self, panel: Any, *paths: Path, into: int = 0) -> None:
        panel.locator("input[type=file]").nth(into).set_input_files([str(path) for path in paths])
        panel.get_by_role("button", name=re.compile("Clear|Remove")).nth(into).wait_for()

    def message(self) -> str:
        toast = self.page.get_by_test_id("toast-body").first
        toast.wait_for()
        return toast.inner_text()

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def visit(browser: Any, server: Server, request: pytest.FixtureRequest) -> Iterator[Visit]:
    visit = Visit(browser, server, getattr(request, "param", LAPTOP))
    yield visit
    if not visit.page.is_closed():
        visit.page.close()


@pytest.mark.parametrize("visit", [LAPTOP, PHONE], indirect=True, ids=["laptop", "phone"])
def test_every_tab_works_on_a_real_recording_and_fits_the_window(visit: Visit, server: Server) -> None:
    def results(panel: Any, button: str) -> Any:
        panel.get_by_role("button", name=button, exact=True).click()
        result = panel.locator(".wavcube")
        result.wait_for()
        assert visit.overflow() == 0
        return result

    panel = visit.open("Reconstruct")
    visit.upload(panel, VOICE)
    result = results(panel, "Encode and decode")
    assert result.locator(".picture img").count() == 3
    assert "102.4 kb/s" in result.inner_text()

    panel = visit.open("Speak")
    visit.upload(panel, VOICE)
    assert "A peaceful night" in results(panel, "Speak").inner_text()

    panel = visit.open("Clean up")
    panel.get_by_role("button", name="Take the example").click()
    panel.get_by_role("button", name=re.compile("Clear|Remove")).wait_for()
    assert results(panel, "Clean up").locator("audio").count() == 2

    panel = visit.open("Separate")
    panel.get_by_role("button", name="Take the example").click()
    panel.get_by_role("button", name=re.compile("Clear|Remove")).wait_for()
    assert results(panel, "Separate").locator("audio").count() == 3

    panel = visit.open("Convert a voice")
    visit.upload(panel, VOICE)
    panel.get_by_role("button", name="Take the example").nth(1).click()
    panel.get_by_role("button", name=re.compile("Clear|Remove")).nth(1).wait_for()
    assert results(panel, "Convert").locator("audio").count() == 2

    panel = visit.open("Compare")
    visit.upload(panel, VOICE, SPEECH / "LJ001-0013.opus", SPEECH / "328-129766-0000.opus")
    assert results(panel, "Compare").locator("svg").count() == 1

    assert visit.errors == []
    assert visit.hosts <= {server.address.split("/")[2], ""}  # data: and blob: have no host


def test_the_switch_goes_on_at_the_same_position(visit: Visit) -> None:
    panel = visit.open("Reconstruct")
    panel.get_by_role("button", name="Take the example").click()
    panel.get_by_role("button", name=re.compile("Clear|Remove")).wait_for()
    panel.get_by_role("button", name="Encode and decode").click()
    player = panel.locator(".player[data-seconds]")
    player.wait_for()
    state = "p => [...p.querySelectorAll('audio')].map(a => [a.paused, a.currentTime])"
    player.locator("[data-play]").click()
    visit.page.wait_for_function("document.querySelectorAll('.player audio')[0].currentTime > 0.5")
    player.locator("[data-clip='1']").click()
    (first_paused, left), (second_paused, reached) = player.evaluate(state)
    assert first_paused
    assert not second_paused
    assert left >= 0.5
    assert abs(reached - left) < 0.3
    visit.page.wait_for_function(f"document.querySelectorAll('.player audio')[1].currentTime > {left + 0.3}")
    player.locator("[data-play]").click()
    player.locator(".picture").nth(0).click(position={"x": 10, "y": 10})
    (_, first), (second_paused, _) = player.evaluate(state)
    assert second_paused
    assert first < 0.5
    with visit.page.expect_download() as saved:
        player.locator("[data-save='1']").click()
    assert saved.value.suggested_filename == "decoded.flac"


def test_what_is_no_recording_is_a_sentence(visit: Visit, text_file: Path) -> None:
    panel = visit.open("Reconstruct")
    panel.get_by_role("button", name="Encode and decode").click()
    assert "no recording yet: upload one, record one, or take the example" in visit.message()
    visit.page.get_by_test_id("toast-close").first.click()
    panel.locator("input[type=file]").set_input_files(str(text_file))
    visit.page.wait_for_timeout(1000)
    panel.get_by_role("button", name="Encode and decode").click()
    visit.page.get_by_text("is not a recording that can be read").wait_for()
    assert "Traceback" not in visit.page.content()
    panel = visit.open("Speak")
    panel.get_by_label("Text").fill("")
    panel.get_by_role("button", name="Take the example").click()
    panel.get_by_role("button", name=re.compile("Clear|Remove")).wait_for()
    panel.get_by_role("button", name="Speak", exact=True).click()
    visit.page.get_by_text("the text is empty").wait_for()


def test_the_microphone(visit: Visit) -> None:
    panel = visit.open("Reconstruct")
    panel.get_by_label("Record audio").click()
    panel.get_by_role("button", name="Record", exact=True).click()
    visit.page.wait_for_timeout(2500)
    panel.get_by_role("button", name="Stop", exact=True).click()
    panel.get_by_label("Download").wait_for()
    panel.get_by_role("button", name="Encode and decode").click()
    panel.locator(".wavcube").wait_for()
    assert "frames of 128 numbers" in panel.locator(".wavcube").inner_text()


def test_uploads_go_with_the_page_and_the_rest_with_the_server(browser: Any, tmp_path: Path) -> None:
    server = Server(tmp_path)
    first, second = (Visit(browser, server) for _ in range(2))
    first.upload(first.open("Reconstruct"), VOICE)
    second.upload(second.open("Reconstruct"), SPEECH / "LJ001-0013.opus")
    time.sleep(1)
    assert {path.name for path in server.files()} >= {VOICE.name, "LJ001-0013.opus"}
    first.page.close()
    for _ in range(100):
        if VOICE.name not in {path.name for path in server.files()}:
            break
        time.sleep(0.3)
    names = {path.name for path in server.files()}
    assert VOICE.name not in names
    assert "LJ001-0013.opus" in names
    assert server.end() == 0
    second.page.close()
    assert server.files() == []
