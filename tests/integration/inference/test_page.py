"""The page at `/`, driven in a real Chromium."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from models import add, classifier
from pictures import png
from servers import Server
from volumes import Volume

StartServer = Callable[..., Server]

TRAIN = Path(__file__).parents[3] / "examples/digits/train.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
PICTURE = {"input": "image", "width": 8, "height": 8, "mode": "L", "scale": 1 / 255}
LARGE = PICTURE | {"width": 80, "height": 80}

# Corners of digits as a hand draws them, in hundredths of the canvas.
STROKES = {
    "0": [(50, 15), (66, 28), (70, 50), (66, 72), (50, 85), (34, 72), (30, 50), (34, 28), (50, 15)],
    "2": [(30, 30), (38, 18), (50, 15), (64, 22), (66, 36), (58, 52), (30, 85), (72, 85)],
    "3": [(32, 20), (50, 15), (66, 25), (62, 42), (48, 48), (65, 55), (68, 72), (50, 86), (30, 78)],
    "5": [(70, 15), (38, 15), (35, 45), (55, 42), (68, 55), (66, 75), (50, 85), (32, 80)],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        reason = f"none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(f"REQUIRE_BROWSER is 1, and {reason}")
        pytest.skip(reason)
    flags = [*QUIET, "--disable-sync", *["--no-sandbox"] * (os.geteuid() == 0)]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window that has to stay without an error of JavaScript."""
    errors: list[str] = []
    window = browser.new_page()
    window.set_default_timeout(60_000)
    window.on("pageerror", lambda error: errors.append(str(error)))
    yield window
    window.close()
    assert errors == []


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the example."""
    bundle = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, TRAIN, bundle], check=True, capture_output=True)
    return bundle


def serve(volume: Volume, bundle: Path, version: str) -> None:
    def copy(model: Path) -> None:
        shutil.copytree(bundle, model.parent, dirs_exist_ok=True)

    volume.add("digits", version, copy)
    volume.point("digits", version)


def opened(page: Page, server: Server) -> Page:
    page.goto(f"http://127.0.0.1:{server.port}/")
    return page


def draw(page: Page, digit: str, size: float = 1) -> None:
    box = page.locator("#pad").bounding_box()
    assert box
    middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    corners = [
        (middle_x + (x - 50) / 100 * size * box["width"], middle_y + (y - 50) / 100 * size * box["height"])
        for x, y in STROKES[digit]
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=5)
    page.mouse.up()


def best(page: Page) -> str:
    """The label that the page shows first."""
    return page.locator("#bars li:first-child span:first-child").inner_text(timeout=60_000)


@pytest.mark.parametrize("digit", STROKES)
def test_recognises_a_digit_that_is_drawn_with_the_mouse(
    page: Page, volume: Volume, start: StartServer, digits: Path, digit: str
) -> None:
    serve(volume, digits, "v1")
    opened(page, start().wait_ready())
    draw(page, digit)
    assert best(page) == digit
    assert page.locator("#bars li").count() == 3


def test_the_size_of_the_strokes_does_not_matter(
    page: Page, volume: Volume, start: StartServer, digits: Path
) -> None:
    serve(volume, digits, "v1")
    opened(page, start().wait_ready())
    draw(page, "3", size=0.3)
    assert best(page) == "3"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#bars li")).to_have_count(0)
    draw(page, "2", size=1.2)
    assert best(page) == "2"


def test_shows_a_swap_without_a_reload(page: Page, volume: Volume, start: StartServer, digits: Path) -> None:
    serve(volume, digits, "v1")
    opened(page, start().wait_ready())
    expect(page.locator("#version")).to_have_text("v1")
    draw(page, "3")
    assert best(page) == "3"
    serve(volume, digits, "v2")
    expect(page.locator("#version")).to_have_text("v2", timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("v2 has taken over from v1")
    assert best(page) == "3", "a reload would have cleared it"


def test_asks_nobody_but_the_server(page: Page, volume: Volume, start: StartServer, digits: Path) -> None:
    serve(volume, digits, "v1")
    server = start().wait_ready()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, server)
    draw(page, "0")
    assert best(page) == "0"
    base = f"http://127.0.0.1:{server.port}/"
    with page.expect_request(lambda request: request.url.startswith(f"{base}version")):
        pass
    assert f"{base}score?model=digits" in asked
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []


def test_the_command_that_it_shows_gives_the_same_answer(
    page: Page, volume: Volume, start: StartServer, digits: Path
) -> None:
    serve(volume, digits, "v1")
    opened(page, start().wait_ready())
    draw(page, "5")
    assert best(page) == "5"
    page.get_by_text("The same from a terminal").click()
    command = page.locator("#line").inner_text()
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    answer = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=60)
    assert answer.stdout.startswith(b'{"result":[[[["5",')


def test_takes_a_picture_for_a_model_of_larger_ones(page: Page, volume: Volume, start: StartServer) -> None:
    volume.add("faces", "v1", lambda path: classifier(path, likes=4, side=80), {"image": LARGE})
    volume.point("faces", "v1")
    opened(page, start().wait_ready())
    page.get_by_label("Drop a picture here, or choose one").set_input_files(
        {"name": "face.png", "mimeType": "image/png", "buffer": png(200, 100)}
    )
    assert best(page) == "4"
    expect(page.get_by_alt_text("face.png")).to_be_visible()


def test_says_what_is_wrong_with_a_picture(page: Page, volume: Volume, start: StartServer) -> None:
    volume.add("faces", "v1", lambda path: classifier(path, side=80), {"image": LARGE})
    volume.point("faces", "v1")
    opened(page, start().wait_ready())
    page.get_by_label("Drop a picture here, or choose one").set_input_files(
        {"name": "face.png", "mimeType": "image/png", "buffer": b"not a picture"}
    )
    expect(page.locator("#error")).to_contain_text("image 1:", timeout=60_000)


def test_offers_a_request_to_send_for_a_model_without_pictures(
    page: Page, volume: Volume, start: StartServer
) -> None:
    volume.add("sum", "v1", add)
    volume.point("sum", "v1")
    opened(page, start().wait_ready())
    request = page.get_by_label("A request as the Open Inference Protocol has it")
    request.fill(request.input_value().replace("0", "1.5", 1))
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#answer")).to_contain_text('"model_version": "v1"', timeout=60_000)
    expect(page.locator("#answer")).to_contain_text("1.5")
    request.fill("{")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#error")).to_contain_text("JSON")


def test_waits_for_the_first_model(page: Page, volume: Volume, start: StartServer, digits: Path) -> None:
    server = start()
    opened(page, server)
    expect(page.locator("#version")).to_contain_text("none yet")
    serve(volume, digits, "v1")
    expect(page.locator("#version")).to_have_text("v1", timeout=60_000)
    draw(page, "0")
    assert best(page) == "0"


def test_shows_what_a_model_is_called_as_text(page: Page, volume: Volume, start: StartServer) -> None:
    label = "</script><img src=x onerror=document.title='run'>"
    volume.add("sly", "v1", classifier, {"image": PICTURE, "labels": [label, *"123456789"]})
    volume.point("sly", "v1")
    opened(page, start().wait_ready())
    draw(page, "0")
    assert best(page) == label
    assert page.title() == "sly"


def test_tells_that_the_server_does_not_answer(
    page: Page, volume: Volume, start: StartServer, digits: Path
) -> None:
    serve(volume, digits, "v1")
    server = start().wait_ready()
    opened(page, server)
    server.kill()
    expect(page.get_by_role("status")).to_have_text("The server does not answer", timeout=60_000)
