"""Running gateways for tests: the real application on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.app import Gateway
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.identity import new_identity
from gateway.loadtest.recording import Recording, Utterance
from gateway.server import listen, new_event_loop, serving
from gateway.settings import Settings
from tests.fake_phone_company import FakePhoneCompany
from tests.fake_twilio_rest import FakeTwilioRest
from voice_codecs import mulaw_encode, sine

T = TypeVar("T")
PUBLIC_URL = "https://voice.example.com"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Running:
    """A gateway that is up."""

    gateway: Gateway
    port: int

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return ("127.0.0.1", self.port)

    def caller(self, seconds: float = 1.0, **options: Any) -> RecordedCaller:
        """Somebody who hums for a while and then listens."""
        options = {"linger": 0.3, "give_up_after": 10.0, "identity": new_identity(), **options}
        return RecordedCaller(humming(seconds), PUBLIC_URL, AUTH_TOKEN, **options)

    def company(self, rest: FakeTwilioRest, **options: Any) -> FakePhoneCompany:
        """Twilio round this gateway, for calls that REST places and changes."""
        return FakePhoneCompany(rest, PUBLIC_URL, AUTH_TOKEN, self.address, **options)


def humming(seconds: float) -> Recording:
    """A recording without speech: a tone."""
    payload = mulaw_encode(sine(300.0, round(seconds * 1000), 8000))
    return Recording(payload, "humming", (Utterance(0, round(seconds * 1000)),))


@contextlib.asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    """Run a gateway on a free port of this machine, known to Twilio as ``PUBLIC_URL``."""
    async with running_on(0, **settings) as at:
        yield at


@contextlib.asynccontextmanager
async def running_on(port: int, /, **settings: Any) -> AsyncIterator[Running]:
    """Do the same on a given port."""
    given = {"public_url": PUBLIC_URL, "twilio_auth_token": AUTH_TOKEN, "drain_timeout": 0.1, **settings}
    gateway = Gateway(Settings(_env_file=None, **given))  # type: ignore[call-arg]  # pydantic-settings takes it
    listener = listen("127.0.0.1", port)
    async with serving(gateway.server(), listener):
        yield Running(gateway, listener.getsockname()[1])


def run(scenario: Coroutine[Any, Any, T], *, seconds: float = 30.0) -> T:
    """Run a test's scenario on the event loop we serve with, in asyncio's debug-free mode, within a time limit."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await scenario

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(limited())
