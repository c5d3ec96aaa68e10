"""The softphone in a real browser: keyboard, microphone, loudspeaker and screen."""

import contextlib
import functools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect

from gateway.local_realtime import LocalRealtimeServer, ScriptedPersona, installed_parts
from tests.console.browsers import chromium, microphone, photograph
from tests.console.phones import phoning
from tests.fakes import FakeRealtimeServer
from tests.gateways import Running, run
from voice_codecs import sine

pytestmark = pytest.mark.once

BY_NAME = "button, input, a[href], summary, [role=meter], [role=log], [role=timer], [role=status], [role=group], section"
CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const background = (element) => {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && !element.closest(":disabled, .hidden") &&
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  return texts.map((element) => {
    const [a, b] = [channels(getComputedStyle(element).color), background(element)].map(luminance);
    return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  }).filter(([, ratio]) => ratio < 4.5);
}"""


TALKATIVE = f"""
loop = true
[[turn]]
says = "{" ".join(f"This is number {n} of the many sentences that I have for you." for n in range(1, 9))}"
"""
"""Half a minute: however late the page and the test are, the agent is interrupted in the middle of it."""


@contextlib.asynccontextmanager
async def phoning_somebody_talkative() -> AsyncIterator[Running]:
    """A gateway with the softphone, whose agent has much to say to everything it hears."""
    async with installed_parts() as parts:
        persona = functools.partial(ScriptedPersona.from_text, TALKATIVE)
        server = LocalRealtimeServer(voice=parts.voice, persona=persona, recogniser=parts.recogniser)
        async with server, phoning(realtime_url=server.url) as at:
            yield at


def watched(page: Page) -> list[str]:
    """What goes wrong in the page from now on: errors, and what its policy blocks."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    return faults


def test_call_is_held_by_keyboard_with_a_recorded_voice_and_can_be_interrupted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            phoning_somebody_talkative() as at,
            chromium(microphone(tmp_path, (7.2, 11.2), (11.6, 14.9), before=3.4, between=1.2)) as browser,
        ):
            page = await browser.new_page(viewport={"width": 1100, "height": 760})
            faults = watched(page)
            await page.goto(f"http://127.0.0.1:{at.port}/phone")
            await photograph(page, tmp_path, "idle")

            await page.locator("summary").click()  # the recording shall arrive as it is
            await page.get_by_label("Echo cancellation").uncheck()
            await page.get_by_label("Noise suppression").uncheck()
            await page.locator("summary").click()
            await page.get_by_role("status").click()
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("status")).to_have_text("Connected. Speak now.", timeout=10_000)
            log = page.get_by_role("log")
            await expect(log.locator(".caller").first).to_contain_text(
                re.compile("go forward (ten|10) meters", re.IGNORECASE), timeout=10_000
            )
            # Samples louder than -50 dBFS that went to the loudspeaker: half a second of them. The next sentence, a
            # second later, or the key interrupts what they are the beginning of.
            body = page.locator("body")
            await expect(body).to_have_attribute(
                "data-audible-samples", re.compile(r"[2-9]\d{4}"), timeout=10_000
            )
            await page.keyboard.press("5")
            await expect(body).to_have_attribute("data-clears", re.compile("[1-9]"), timeout=10_000)
            await expect(log.locator(".caller .said").nth(1)).to_contain_text(
                "go somewhere and do something", ignore_case=True, timeout=10_000
            )
            await expect(log.locator("del").first).to_contain_text("not heard:", timeout=10_000)
            for figure in ("#set-up", "#answer", "#barge-in"):
                await expect(page.locator(figure)).to_have_text(re.compile(r"^\d+ ms$"))
            await photograph(page, tmp_path, "in_call")

            await page.keyboard.press("Escape")
            await expect(page.get_by_role("status")).to_have_text("You hung up.")
            await at.gateway.active_calls.wait_empty()
            await photograph(page, tmp_path, "over")
            assert faults == []

    run(scenario(), seconds=60)


def test_refused_microphone_is_said_with_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            FakeRealtimeServer() as model,
            phoning(realtime_url=model.url) as at,
            chromium(microphone(tmp_path, (0.0, 1.0)), allow=False) as browser,
        ):
            context = await browser.new_context(color_scheme="dark", viewport={"width": 375, "height": 800})
            await context.grant_permissions(["geolocation"])  # which refuses every other one
            page = await context.new_page()
            await page.goto(f"http://127.0.0.1:{at.port}/phone")
            await page.get_by_role("button", name="Call").click()

            status = page.get_by_role("status")
            await expect(status).to_contain_text("The microphone was refused. Allow it", timeout=10_000)
            await expect(page.get_by_role("button", name="Call")).to_be_visible()
            await photograph(page, tmp_path, "refused_narrow_dark")

    run(scenario(), seconds=40)


def test_page_can_be_read_and_used_by_everybody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            FakeRealtimeServer() as model,
            phoning(realtime_url=model.url) as at,
            chromium(microphone(tmp_path, (0.0, 1.0))) as browser,
        ):
            await look(await browser.new_page(color_scheme="light", viewport=narrow), "light", model, at)
            await look(await browser.new_page(color_scheme="dark", viewport=narrow), "dark", model, at)

    async def look(page: Page, theme: str, model: FakeRealtimeServer, at: Running) -> None:
        await page.goto(f"http://127.0.0.1:{at.port}/phone")
        await page.get_by_role("button", name="Call").click()
        await expect(page.get_by_role("button", name="Hash")).to_be_enabled(timeout=10_000)
        snapshot = await page.locator("body").aria_snapshot()

        for name in (
            'button "Hang up"',
            'button "Star"',
            'meter "You"',
            'log "Conversation"',
            "timer",
        ):
            assert name in snapshot
        for each in await page.locator("button, input, [role=meter], [role=log]").all():
            assert await each.evaluate(
                "e => (e.ariaLabel || e.textContent.trim() || e.labels?.length || e.getAttribute('aria-labelledby'))"
            )
        session = await model.session()
        await page.keyboard.press("5")
        await page.keyboard.press("#")
        await expect(page.locator(".typed")).to_have_text("Typed 5")
        await session.say(
            "item_1", sine(440.0, 3000, 24_000).tobytes(), "Every sentence that nobody hears out"
        )
        await expect(page.locator(".agent")).to_contain_text("hears out")
        # A second and more, key tones among it: the beginning of the sentence has been heard.
        await expect(page.locator("body")).to_have_attribute(
            "data-audible-samples", re.compile(r"[6-9]\d{4}|\d{6}")
        )
        await session.speech_started(100)
        await expect(page.locator("del")).to_have_text(re.compile("^not heard: .*hears out$"))
        await expect(page.locator(".agent .said")).to_have_text(re.compile("^Every .*not heard: "))
        await session.speech_stopped(400, "nobody")
        await expect(page.locator(".caller")).to_be_visible()
        assert await page.evaluate(CONTRAST) == []
        await photograph(page, tmp_path, f"narrow_{theme}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Call")).to_be_visible()
        await page.close()

    narrow: ViewportSize = {"width": 375, "height": 800}
    run(scenario(), seconds=40)
