"""The softphone in a real browser when things go wrong; what cannot be unplugged here is taken from the page."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, WebSocket, expect

from tests.console.browsers import chromium, microphone, photograph
from tests.console.cable import cable
from tests.console.phones import phoning
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import run
from voice_codecs import sine

pytestmark = pytest.mark.once

NO_MICROPHONE = """
  navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("none", "NotFoundError"); };
"""
NO_DEVICE = """
  Object.defineProperty(BaseAudioContext.prototype, "currentTime", { get: () => 0 });
  AudioContext.prototype.resume = () => new Promise(() => {});
"""
KEEP_HOLD = """
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => (window.microphone = await open(wanted));
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(options);
      window.sound = this;
    }
  };
"""
SCROLL = "log => [Math.ceil(log.scrollTop + log.clientHeight) >= log.scrollHeight, log.scrollTop]"
OUT_OF_REACH = """() => [...document.querySelectorAll("#call, #status, #log")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth;
}).map((each) => each.id)"""


async def opened(browser: Browser, port: int, script: str = "", size: tuple[int, int] = (1100, 760)) -> Page:
    """Open the softphone in a browser that the script has changed."""
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    if script:
        await page.add_init_script(f"{{{script}}}")
    await page.goto(f"http://127.0.0.1:{port}/phone")
    return page


async def connected(page: Page) -> None:
    await page.get_by_role("button", name="Call").click()
    await expect(page.get_by_role("status")).to_have_text("Connected. Speak now.", timeout=10_000)


async def expect_fault(page: Page, text: str) -> None:
    """Wait for the sentence; the page must be ready for another call."""
    await expect(page.get_by_role("status")).to_contain_text(text, timeout=10_000)
    await expect(page.locator("body")).to_have_attribute("data-fault", "")
    await expect(page.get_by_role("button", name="Call")).to_be_visible()
    await expect(page.get_by_role("button", name="Hash")).to_be_disabled()


def test_what_keeps_a_call_from_going_on_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            FakeRealtimeServer() as model,
            chromium(microphone(tmp_path, (0.0, 1.0))) as browser,
        ):
            async with phoning(realtime_url=model.url) as at, cable(at.port) as line:
                without_device = await opened(browser, at.port, NO_DEVICE)
                await without_device.get_by_role("button", name="Call").click()  # looked at once it gave up

                page = await opened(browser, at.port, NO_MICROPHONE)
                await page.get_by_role("button", name="Call").click()
                await expect_fault(page, "No microphone was found. Plug one in, then call again.")

                page = await opened(browser, at.port, KEEP_HOLD)
                await connected(page)
                await page.evaluate("microphone.getTracks()[0].dispatchEvent(new Event('ended'))")
                await expect_fault(page, "The microphone went away. Plug it in again")
                await at.gateway.active_calls.wait_empty()
                await photograph(page, tmp_path, "microphone_lost")

                page = await opened(browser, line.port)
                await connected(page)
                line.cut()
                await expect_fault(page, "The connection to the gateway was lost.")
                await at.gateway.active_calls.wait_empty()

                await expect_fault(
                    without_device, "There is no sound device, or the browser blocks sound here."
                )
                page = await opened(browser, at.port)
                await connected(page)
            await expect_fault(page, "The gateway was stopped.")
            await page.get_by_role("button", name="Call").click()
            await expect_fault(page, "The gateway does not answer.")

    run(scenario(), seconds=60)


def test_hasty_fingers_do_what_was_meant(tmp_path: Path) -> None:
    sent: Counter[str] = Counter()

    def count(websocket: WebSocket) -> None:
        sent["calls"] += 1
        websocket.on("framesent", lambda frame: sent.update([json.loads(frame)["event"]]))

    async def scenario() -> None:
        async with (
            FakeRealtimeServer() as model,
            phoning(realtime_url=model.url) as at,
            chromium(microphone(tmp_path, (0.0, 1.0))) as browser,
        ):
            page = await opened(browser, at.port, KEEP_HOLD)
            page.on("websocket", count)
            status = page.get_by_role("status")
            await page.get_by_role("button", name="Call").dblclick()
            await expect(status).to_have_text("Connected. Speak now.", timeout=10_000)
            for _ in range(5):
                await page.keyboard.down("5")  # held down
            await page.keyboard.up("5")
            await page.evaluate("sound.suspend()")  # as a device that goes away does
            await expect(page.locator("body")).to_have_attribute("data-state", "connected")
            while await page.evaluate("sound.state") != "running":
                pass

            key = page.get_by_role("button", name="7")
            await key.focus()
            await page.keyboard.press("Escape")
            await expect(status).to_have_text("You hung up.")
            await expect(page.get_by_role("button", name="Call")).to_be_focused()
            for _ in range(4):
                await page.keyboard.down("Enter")  # held down, while the last call may still be ending
            await page.keyboard.up("Enter")
            await expect(status).to_have_text("Connected. Speak now.", timeout=10_000)
            await page.keyboard.press("Enter")
            await expect(status).to_have_text("You hung up.")
            await at.gateway.active_calls.wait_empty()

    run(scenario(), seconds=60)
    assert (sent["calls"], sent["dtmf"]) == (2, 1)


async def talk(session: FakeSession, first: int, last: int) -> None:
    """Have the agent say sentences of some lines each."""
    for n in range(first, last):
        words = f"Sentence {n}. " + "Your order has been shipped, and it arrives on Friday. " * 3
        await session.say(f"item_{n}", sine(440.0, 20, 24_000).tobytes(), words)


def test_conversation_stays_in_sight_on_every_screen_and_where_it_was_scrolled_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            FakeRealtimeServer() as model,
            phoning(realtime_url=model.url) as at,
            chromium(microphone(tmp_path, (0.0, 1.0))) as browser,
        ):
            for size in [(375, 667), (1920, 1080)]:
                page = await opened(browser, at.port, size=size)
                log = page.get_by_role("log")
                await expect(log).to_contain_text("4712")
                await connected(page)
                session = await model.session()
                await talk(session, 0, 12)
                await expect(log).to_contain_text("Sentence 11.")
                assert (await log.evaluate(SCROLL))[0]
                assert await page.evaluate(OUT_OF_REACH) == []
                await photograph(page, tmp_path, f"long_{size[0]}")

                await log.focus()
                await page.keyboard.press("Home")
                await expect(log).to_have_js_property("scrollTop", 0)
                await talk(session, 12, 13)
                await expect(log).to_contain_text("Sentence 12.")
                assert await log.evaluate(SCROLL) == [False, 0]
                await page.keyboard.press("Escape")
                await expect(page.get_by_role("status")).to_have_text(re.compile("You hung up"))
                await page.close()

    run(scenario(), seconds=60)
