"""Our gateway and the embedded realtime server behind relays that commit one fault at most."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.loadtest.line import Address
from gateway.local_realtime import LocalRealtimeServer, ScriptedPersona
from tests.gateways import running
from tests.loadtest.faults import Exchange, LosesAgents, LosesCallers, TalksOn, TruncatesLate
from tests.loadtest.relays import Passage, Unchanged, relay

HELD = 0.12
"""Seconds by which what is late is late."""
SCRIPT = """
loop = true
[[turn]]
says = "I received your text message. Thank you."
"""
"""Every answer is of 2.3 s."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a server; nothing, if nothing is said."""

    front: Callable[[], Callable[[], Passage]] | None = None
    """Makes, for one server, what makes the passages between callers and gateway."""
    back: Callable[[], Passage] | None = None
    """Makes the passages between the gateway and the model."""
    back_held: float = 0.0
    """Seconds by which what the model says reaches the gateway later."""
    model: str = ""
    """What the model is asked to do wrong, as the query of its address."""


FAULTS: Mapping[str, Fault] = {
    "none": Fault(),
    "thinks 120 ms longer": Fault(model=f"?fault_delay={HELD}"),
    "brings answers 120 ms later": Fault(back=Unchanged, back_held=HELD),
    "loses each 50th frame of the agent's": Fault(front=lambda: LosesAgents),
    "loses each 50th frame of the callers'": Fault(back=LosesCallers),
    "swaps callers": Fault(front=lambda: Exchange().passage),
    "talks on after a clear": Fault(front=lambda: TalksOn),
    "truncates 500 ms too late": Fault(back=TruncatesLate),
}


@contextlib.asynccontextmanager
async def faulty_server(fault: Fault, observed_dir: Path) -> AsyncIterator[Address]:
    """Run one on loopback, known to Twilio as ``PUBLIC_URL``; its model observes."""
    persona = functools.partial(ScriptedPersona.from_text, SCRIPT)
    async with contextlib.AsyncExitStack() as stack:
        model = await stack.enter_async_context(
            LocalRealtimeServer(persona=persona, observed_dir=observed_dir)
        )
        address, path = urlsplit(model.url).netloc, urlsplit(model.url).path
        if fault.back is not None:
            behind = relay(address, fault.back, down_held=fault.back_held)
            address = await stack.enter_async_context(behind)
        url = f"ws://{address}{path}{fault.model}"
        gateway = await stack.enter_async_context(
            running(realtime_provider="local", realtime_url=url, log_level="ERROR")
        )
        if fault.front is None:
            yield gateway.address
            return
        address = await stack.enter_async_context(relay("{}:{}".format(*gateway.address), fault.front()))
        host, _, port = address.rpartition(":")
        yield host, int(port)
