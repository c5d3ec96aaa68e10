"""A headless Chromium whose microphone is a recording."""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import Browser, Page, async_playwright

from voice_codecs import Upsampler, line_noise

RECORDING = Path(__file__).parents[1] / "recordings" / "calls" / "short_turns.wav"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run",
    "--use-fake-device-for-media-stream",
)  # fmt: skip
ALLOW_MICROPHONE = "--use-fake-ui-for-media-stream"


def needed(*programs: str) -> str:
    """Path of the first of these programs there is; without one the test is skipped, but never in CI."""
    for program in programs:
        if (found := shutil.which(program)) is not None:
            return found
    if os.environ.get("CI"):
        pytest.fail(f"there is no {programs[0]} here")
    pytest.skip(f"there is no {programs[0]} here")


def microphone(folder: Path, *spans: tuple[float, float], before: float = 0.0, between: float = 0.0) -> Path:
    """Write spans of a recording (seconds) with silences, as Chromium wants a microphone: 48 kHz."""
    samples, rate = soundfile.read(RECORDING, dtype="int16")
    parts = [line_noise(round(before * 1000), rate)]
    for start, stop in spans:
        parts += [samples[round(start * rate) : round(stop * rate)], line_noise(round(between * 1000), rate)]
    said = np.concatenate([*parts, line_noise(60_000, rate)])  # silence, but no line is as quiet as zeros
    path = folder / "microphone.wav"
    soundfile.write(path, Upsampler(48_000).feed(said), 48_000, subtype="PCM_16")
    return path


@contextlib.asynccontextmanager
async def chromium(recording: Path, *, allow: bool = True) -> AsyncIterator[Browser]:
    """Run Chromium; it gives every page the microphone, or asks nobody and refuses."""
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={recording}%noloop"]
    flags += [ALLOW_MICROPHONE] if allow else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=needed("chromium", "chromium-browser", "google-chrome"), args=flags
        )
        try:
            yield browser
        finally:
            await browser.close()


async def photograph(page: Page, folder: Path, name: str) -> None:
    """Keep what the page looks like, in ``TEST_ARTEFACTS`` too if that names a folder."""
    kept = os.environ.get("TEST_ARTEFACTS")
    for place in [folder, *([Path(kept)] if kept else [])]:
        await page.screenshot(path=place / f"softphone_{name}.png")
