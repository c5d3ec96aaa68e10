"""The page of a load test in a real browser: it opens by itself, and every call can be looked at and the worst heard."""

import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from gateway.loadtest.comparison import compare
from gateway.loadtest.page import page
from gateway.loadtest.results import RunResult
from gateway.loadtest.summary import summarise
from gateway.loadtest.thresholds import parse
from tests.console.browsers import FLAGS, needed
from tests.console.test_browser import CONTRAST
from tests.gateways import run
from tests.loadtest.made_runs import made_run

pytestmark = pytest.mark.once

THRESHOLDS = ("turn_latency_p95 > 1200", "barge_in_stop_p95 > 400", "failed > 5")


def kept(of: RunResult, folder: Path, name: str = "page") -> Path:
    summary = summarise(of)
    path = folder / f"{name}.html"
    verdicts = [parse(each).judge(summary) for each in THRESHOLDS]
    path.write_text(page(of, summary, verdicts, compare(of, made_run((20,), stage_s=60.0))), "utf-8")
    return path


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=needed("chromium", "chromium-browser", "google-chrome"), args=[*FLAGS]
        )
        try:
            yield browser
        finally:
            await browser.close()


async def opened(
    browser: Browser, path: Path, *, width: int = 1200, dark: bool = False
) -> tuple[Page, list[str]]:
    """Open a page, and gather from now on what goes wrong in it and what it asks for."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    tab = await context.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("console", lambda message: faults.append(message.text))
    tab.on("request", lambda request: None if _is_own(request.url) else faults.append(request.url))
    await tab.goto(path.as_uri())
    return tab, faults


def _is_own(url: str) -> bool:
    return url.startswith(("file:", "blob:", "data:"))


async def until(element: Locator, condition: str) -> None:
    """Wait until this is true of ``each``; the page's policy keeps playwright from waiting by itself."""
    look = f"const look = () => ({condition}) ? resolve() : setTimeout(look, 20); look();"
    await element.evaluate(f"each => new Promise((resolve) => {{ {look} }})")


async def photograph(tab: Page, name: str) -> None:
    """Keep what the page looks like, where ``TEST_ARTEFACTS`` names a folder."""
    if folder := os.environ.get("TEST_ARTEFACTS"):
        await tab.screenshot(path=Path(folder) / f"loadtest_page_{name}.png", full_page=True)


def test_page_is_complete_and_can_be_read_in_any_light_and_width(tmp_path: Path) -> None:
    path = kept(made_run((10, 20), stage_s=60.0), tmp_path)

    async def scenario() -> None:
        async with chromium() as browser:
            for width, dark in ((1200, False), (1200, True), (400, False), (400, True)):
                tab, faults = await opened(browser, path, width=width, dark=dark)
                await expect(tab.locator("#drawing svg path.heard")).to_be_visible()
                await expect(tab.get_by_role("rowheader", name="Turn latency", exact=True)).to_be_visible()
                await photograph(tab, f"{width}_{'dark' if dark else 'light'}")
                assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
                for details in await tab.locator("details").all():
                    await details.evaluate("each => { each.open = true; }")
                assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert await tab.evaluate(CONTRAST) == []
                assert faults == []

    run(scenario(), seconds=60)


def test_calls_are_chosen_with_the_mouse_and_with_the_keyboard(tmp_path: Path) -> None:
    path = kept(made_run((10, 20), stage_s=60.0), tmp_path)

    async def scenario() -> None:
        async with chromium() as browser:
            tab, faults = await opened(browser, path)
            drawn, title = tab.locator("#drawing path.heard"), tab.locator("#call-title")
            chosen = tab.locator("#chooser tr.chosen")
            await expect(tab.get_by_role("button", name="Worst call")).to_have_attribute(
                "aria-pressed", "true"
            )
            before = await drawn.get_attribute("d")

            await tab.locator("#chooser tbody tr").nth(9).locator("td").first.click()
            await expect(drawn).not_to_have_attribute("d", str(before))
            clicked = await drawn.get_attribute("d")
            assert await title.text_content() != ""

            await chosen.locator("button").focus()
            await tab.keyboard.press("ArrowDown")
            await expect(drawn).not_to_have_attribute("d", str(clicked))
            await expect(tab.locator("#chooser tbody tr").nth(10)).to_have_class("chosen")
            await expect(chosen.locator("button")).to_be_focused()

            await tab.get_by_role("button", name="Worst turn, ms").press("Enter")
            rows = await tab.locator("#chooser tbody tr td:nth-child(5)").all_text_contents()
            waits = [int(each.replace(",", "")) for each in rows if each[:1].isdigit()]
            assert waits == sorted(waits, reverse=True)
            assert len(waits) > 30

            await tab.get_by_label("Only").fill("refused")
            await expect(tab.locator("#chooser tbody tr:visible")).to_have_count(1)
            await expect(tab.locator("#call-facts")).to_contain_text("handshake was refused")
            await tab.get_by_role("button", name="Best call").click()
            await expect(drawn).to_be_visible()
            assert faults == []

    run(scenario(), seconds=60)


def test_worst_call_is_heard_and_a_click_in_the_waveform_moves_there(tmp_path: Path) -> None:
    path = kept(made_run((10,), stage_s=60.0), tmp_path)

    async def scenario() -> None:
        async with chromium() as browser:
            tab, faults = await opened(browser, path)
            audio = tab.locator("audio")
            await until(audio, "each.duration > 30")

            box = await tab.locator("#drawing svg").bounding_box()
            assert box is not None
            await tab.mouse.move(0, 0)
            await tab.locator("#drawing svg").click(position={"x": box["width"] / 2, "y": 60})
            await until(audio, "Math.abs(each.currentTime - 20) < 1")
            at = await tab.locator("#drawing .playhead").get_attribute("x1")
            assert abs(float(str(at)) - box["width"] / 2) < 3

            await audio.evaluate("each => each.play()")
            await until(audio, "each.currentTime > 21.5")
            moved = await tab.locator("#drawing .playhead").get_attribute("x1")
            assert float(str(moved)) > float(str(at)) + 10
            assert faults == []

    run(scenario(), seconds=60)


def test_waveform_is_drawn_larger_and_keeps_its_middle(tmp_path: Path) -> None:
    path = kept(made_run((10,), stage_s=60.0), tmp_path)

    async def scenario() -> None:
        async with chromium() as browser:
            tab, faults = await opened(browser, path)
            drawing = tab.locator("#drawing")
            width = await drawing.evaluate("each => each.clientWidth")
            for _ in range(2):
                await tab.get_by_role("button", name="Show less of the call").click()

            assert await drawing.evaluate("each => each.scrollWidth") == 4 * width
            assert abs(await drawing.evaluate("each => each.scrollLeft") - 1.5 * width) < 40
            assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert faults == []

    run(scenario(), seconds=60)


def test_thousand_calls_of_two_minutes_open_at_once(tmp_path: Path) -> None:
    path = kept(made_run((1000,), stage_s=120.0, seconds=120), tmp_path)

    async def scenario() -> None:
        async with chromium() as browser:
            begin = time.monotonic()
            tab, faults = await opened(browser, path)
            await expect(tab.locator("#drawing svg path.heard")).to_be_visible()
            assert time.monotonic() - begin < 6.0  # two seconds on a machine with nothing else to do
            assert await tab.locator("#chooser tbody tr").count() == 1000
            assert faults == []

    assert path.stat().st_size < 15e6
    run(scenario(), seconds=60)
