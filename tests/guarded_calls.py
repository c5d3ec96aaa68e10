"""Whole calls to an agent of a test's own, against the strict model server, with all that is told of them."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gateway.call import Call
from gateway.feed import CallEvent
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.place import Outcome, place_call
from gateway.transcript import Turn
from tests.fakes import FakeRealtimeServer, FakeSession
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, Running, humming, run, running
from tests.test_calls import ended_by

Told = TypeVar("Told", bound=CallEvent)


def agents_file(folder: Path, *, agent: str = "", phrases: str = "", **limits: Any) -> Path:
    """Write a file with one agent, of whose table ``agent`` is more lines."""
    path = folder / "agents.toml"
    lines = [f"{name} = {value}" for name, value in limits.items()]
    tables = ["[agents.default]", 'instructions = "Be brief."', agent, "[agents.default.limits]", *lines]
    path.write_text("\n".join([*tables, "[agents.default.phrases]", phrases]))
    return path


@dataclass(eq=False, repr=False)
class KeyingCaller(RecordedCaller):
    """A caller with keys under his fingers."""

    keys: list[str] = field(default_factory=list)
    """Pressed at the next frame, all at once."""

    def due(self, now: float) -> list[str]:
        pressed, self.keys = self.keys, []
        return super().due(now) + [text for key in pressed for text in self.press(key, now)]


class News:
    """What is told of the calls, from now on."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.more = asyncio.Event()

    async def watch(self, at: Running) -> None:
        """Take it in, until cancelled."""
        async with contextlib.aclosing(at.gateway.feed.watch()) as events:
            async for event in events:
                self.events.append(event)
                self.more.set()

    async def next(self) -> None:
        """Wait for more, or for something that the caller sees."""
        self.more.clear()
        await self.more.wait()


@dataclass
class Going:
    """A call that goes on."""

    at: Running
    caller: KeyingCaller
    session: FakeSession
    news: News

    @property
    def call(self) -> Call:
        """The gateway's end of its media stream."""
        call = self.at.gateway.active_calls._live[self.caller.identity.call_sid]
        assert isinstance(call, Call)
        return call

    def said(self) -> list[Turn]:
        """The transcript so far."""
        return self.call._leg.transcript.turns

    async def send_text(self, text: str) -> None:
        """Put a text into it."""
        await self.at.gateway.active_calls.send_text(self.caller.identity.call_sid, text)

    async def asked(self) -> str:
        """Wait until the model is asked for a response; return the words that it is to say, if they are given."""
        event = (await self.session.wait_for("response.create")).event
        words: str = event.get("response", {}).get("instructions", "")
        return words.partition(': "')[2].removesuffix('"')

    async def begun(self) -> None:
        """Wait until the caller hears something."""
        while not self.caller.playback.runs:
            await self.news.next()

    async def all_heard(self) -> None:
        """Wait until the caller has heard all that was said."""
        await self.begun()
        while self.call.unheard() is not None:
            await self.news.next()


@dataclass
class Guarded:
    """A call that is over."""

    outcome: Outcome
    caller: KeyingCaller
    session: FakeSession
    reason: str
    """Of its ending; of its last media stream's, if there were several."""
    news: list[CallEvent]

    def told(self, kind: type[Told]) -> Iterator[Told]:
        """The news of one kind."""
        return (event for event in self.news if type(event) is kind)

    @property
    def left_after(self) -> float:
        """Seconds from the last sample that was heard to the end of the stream."""
        closed_at = self.caller.timeline.first("stream-closed")
        assert closed_at is not None
        return closed_at - self.caller.playback.runs[-1].end


Script = Callable[[Going], Coroutine[Any, Any, None]]


def guarded(
    script: Script, file: Path, seconds: float = 30.0, *, model_name: str | None = None, **options: Any
) -> Guarded:
    """One call to the agent of a file, in which the model, or the caller, does as the script says."""

    async def whole() -> Guarded:
        async with FakeRealtimeServer(api_key="sk-test") as model:
            settings = {"realtime_url": model.url, "openai_api_key": "sk-test", "realtime_model": model_name}
            async with running(**settings, agents_file=file) as at:
                given = {"linger": 0.3, "give_up_after": 0.5, "identity": new_identity(), **options}
                caller = KeyingCaller(humming(seconds), PUBLIC_URL, AUTH_TOKEN, **given)
                news = News()
                async with asyncio.TaskGroup() as tasks:
                    watching = tasks.create_task(news.watch(at))
                    calling = place_call(caller, connect_to=at.address, on_event=lambda _: news.more.set())
                    placed = tasks.create_task(calling)
                    await script(Going(at, caller, await model.session(), news))
                    outcome = await placed
                    await at.gateway.active_calls.wait_empty()
                    watching.cancel()
                reason = ended_by(at)[-1]
            assert model.faults == [], model.faults
            assert outcome.faults == {} or caller.breaks_at
            return Guarded(outcome, caller, model.sessions[0], reason, news.events)

    return run(whole(), seconds=60)
