"""The agents SDK of npm (``@openai/agents``) holds a conversation with the embedded server, in Node."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.local_realtime import Answer, LocalRealtimeServer, MoonshineRecogniser, ToolCall, Turn
from tests.benchmarks.recognition import normalised
from tests.local_realtime.sessions import recorded_call
from tests.local_realtime.test_moonshine import needs_model
from voice_codecs import CallerToModel, sine

pytestmark = [pytest.mark.once, needs_model]
SCRIPT = Path(__file__).parent / "agents_sdk"
NPM_CI = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
ENVIRONMENT = {**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1"}
DEADLINE = 20.0
"""Seconds; the script's own is shorter."""
LONG_ANSWER = " ".join(["I go on until somebody interrupts me."] * 10)
"""Over a minute of tone, which takes 9 s to make: it is always interrupted before its end."""


class ToneVoice:
    """Says anything: a tone of a second for each word."""

    def pieces(self, text: str) -> list[str]:
        return [text]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        return sine(440.0, int(1000 / speed) * len(piece.split()), 24_000).astype("<i2").tobytes()


class Clerk:
    """Goes on at length when first spoken to, and looks up the weather when asked for it in writing."""

    def __init__(self) -> None:
        self._spoken = iter([LONG_ANSWER, "Excuse me."])

    def answer(self, turn: Turn) -> Answer | str:
        assert turn.instructions == "Be brief."
        match turn.kind:
            case "tool":
                return f"It is {turn.tool_outputs[-1].output}."
            case "speech":
                return next(self._spoken)
            case _ if "warm" in turn.text:
                return Answer(calls=(ToolCall("weather", '{"city": "Paris"}'),))
            case _:
                return f"You wrote: {turn.text}"


@pytest.fixture(scope="module")
def sdk() -> Iterator[Path]:
    """A folder with the script and what it imports, installed; some 80 MB, so it goes when its tests are done."""
    if not (shutil.which("node") and shutil.which("npm")):
        reason = "node and npm are not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("package.json", "package-lock.json", "conversation.mjs"):
            shutil.copy(SCRIPT / name, folder)
        installed = subprocess.run(
            NPM_CI, cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert installed.returncode == 0, installed.stderr
        yield folder


@asynccontextmanager
async def server() -> AsyncIterator[LocalRealtimeServer]:
    async with (
        MoonshineRecogniser() as recogniser,
        LocalRealtimeServer(
            voice=ToneVoice(), persona=Clerk, recogniser=recogniser, first_delta_delay=0.01
        ) as running,
    ):
        yield running


async def converse(folder: Path) -> dict[str, Any]:
    """Run the script against a server; give its report."""
    (folder / "turn.pcm").write_bytes(CallerToModel().feed(recorded_call()[: 8 * 3000]))
    async with server() as running, asyncio.timeout(DEADLINE):
        command = ("node", "conversation.mjs", running.url, "any-key", "turn.pcm")
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, (out or err).decode()
    report: dict[str, Any] = json.loads(out)
    return report


@pytest.fixture(scope="module")
def report(sdk: Path) -> dict[str, Any]:
    return asyncio.run(converse(sdk))


def said(report: dict[str, Any], item_id: str) -> str | None:
    """The text of an item as the SDK's history has it."""
    (item,) = (each for each in report["history"] if each["itemId"] == item_id)
    (content,) = item["content"]
    text: str | None = content["text"] if "text" in content else content["transcript"]
    return text


def test_no_event_is_an_error_or_foreign_to_the_sdk(report: dict[str, Any]) -> None:
    assert report["errors"] == []
    assert report["unread"] == []


def test_the_session_is_as_the_sdk_asked(report: dict[str, Any]) -> None:
    settled = report["settled"]
    assert settled["instructions"] == "Be brief."
    assert [tool["name"] for tool in settled["tools"]] == ["weather"]
    assert settled["audio"]["input"]["turn_detection"]["interrupt_response"] is True


def test_a_typed_message_is_answered_in_sound_and_words(report: dict[str, Any]) -> None:
    typed = report["typed"]
    assert typed["status"] == "completed"
    assert typed["transcript"] == "You wrote: Good morning"
    assert typed["audioBytes"] == 4 * 48_000
    assert report["ends"][0] == "You wrote: Good morning"


def test_a_turn_is_found_in_streamed_audio_and_its_words_are_in_the_history(report: dict[str, Any]) -> None:
    turn = report["overMade"]
    assert abs(turn["startMs"] - 948) <= 64
    assert abs(turn["stopMs"] - 2740) <= 64
    heard = [
        item for item in report["history"] if (item.get("content") or [{}])[0].get("type") == "input_audio"
    ]
    assert [normalised(said(report, item["itemId"]) or "") for item in heard] == [["five", "five"]] * 2


def test_an_answer_that_is_made_but_unheard_is_cut(report: dict[str, Any]) -> None:
    cut = report["overMade"]["cut"]
    assert cut["itemId"] in report["typed"]["itemIds"]
    assert 0 <= cut["endMs"] < 4000


def test_an_answer_is_interrupted_while_it_is_made(report: dict[str, Any]) -> None:
    interrupted, cut = report["interrupted"], report["whileMade"]["cut"]
    assert interrupted["status"] == "cancelled"
    assert [cut["itemId"]] == interrupted["itemIds"]
    assert 0 <= cut["endMs"] <= interrupted["audioBytes"] / 48
    assert report["spoken"]["transcript"] == "Excuse me."
    assert report["spoken"]["audioBytes"] == 2 * 48_000


def test_a_tool_of_the_sdk_is_called_and_its_output_is_answered(report: dict[str, Any]) -> None:
    assert report["toolCalls"] == ["Paris"]
    (call,) = (item for item in report["history"] if item["type"] == "function_call")
    assert (call["status"], call["output"]) == ("completed", "15 degrees in Paris")
    (item_id,) = report["told"]["itemIds"]
    assert said(report, item_id) == report["told"]["transcript"] == "It is 15 degrees in Paris."
