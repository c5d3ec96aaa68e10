"""Load tests of the faulty servers: real sockets and real code, in virtual time."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from gateway.loadtest import truth
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.fingerprint import Fingerprint
from gateway.loadtest.identity import new_identity
from gateway.loadtest.measures import measure
from gateway.loadtest.observed_calls import read_observed
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording, Utterance, default_recording
from gateway.loadtest.results import CallResult
from gateway.log import configure_logging
from tests import virtual_time
from tests.gateways import AUTH_TOKEN, PUBLIC_URL
from tests.loadtest.faulty_servers import FAULTS, faulty_server

N_CALLS = 20
"""The fewest of which a percentile is told."""
APART = 0.25
"""Seconds from one pair of callers to the next."""
BARGE_IN_AT = 0.6
"""Seconds into the answer at which it is interrupted."""
_LINGER = 0.6
"""Seconds: of an answer that is sent in a call's last half second it is not told what is missing."""
_EDGE_MS = 200
_PATIENCE_MS = 1500
"""After the last word; by then the caller hears the answer, and hears it out."""


def load_tests() -> Mapping[str, list[CallResult]]:
    """Load every server with 20 calls; the calls by the server's fault."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return dict(zip(FAULTS, pool.map(loaded, FAULTS), strict=True))


def loaded(fault: str) -> list[CallResult]:
    """Load one server, and measure the calls."""
    configure_logging("ERROR", "console")
    callers = [_caller(number) for number in range(N_CALLS)]
    with tempfile.TemporaryDirectory() as folder:
        virtual_time.run(_place(callers, fault, Path(folder)))
        return [_measured(each, number, Path(folder)) for number, each in enumerate(callers)]


def sentences(n: int) -> Recording:
    """Make a recording of so many sentences, up to three, of the packaged call; each but the first interrupts."""
    whole = Recording.read(default_recording())
    payload = b""
    utterances: list[Utterance] = []
    for each in whole.utterances[1 : n + 1]:
        rest_ms = _EDGE_MS if len(utterances) < n - 1 else _PATIENCE_MS
        start_ms = len(payload) // 8 + _EDGE_MS
        spoken = whole.payload[(each.start_ms - _EDGE_MS) * 8 : (each.end_ms + _EDGE_MS) * 8]
        payload += spoken + whole.payload[: (rest_ms - _EDGE_MS) * 8]
        utterances.append(Utterance(start_ms, start_ms + each.end_ms - each.start_ms))
    return Recording(payload, "sentences.wav", tuple(utterances))


def _caller(number: int) -> RecordedCaller:
    said = sentences(2)
    marked = msgspec.structs.replace(said, payload=Fingerprint(number).mixed(said.payload))
    return RecordedCaller(
        marked,
        PUBLIC_URL,
        AUTH_TOKEN,
        identity=new_identity(),
        reactive=True,
        barge_in_at=BARGE_IN_AT,
        linger=_LINGER,
    )


async def _place(callers: list[RecordedCaller], fault: str, folder: Path) -> None:
    """Have all call, two at a time: those whom a server may swap say the same words at the same time."""
    async with faulty_server(FAULTS[fault], folder) as address, asyncio.TaskGroup() as calls:
        for pair in zip(callers[::2], callers[1::2], strict=True):
            for caller in pair:
                calls.create_task(place_call(caller, connect_to=address))
            await asyncio.sleep(APART)


def _measured(caller: RecordedCaller, number: int, folder: Path) -> CallResult:
    observed = read_observed(folder, caller.identity.call_sid, 10.0)
    assert caller.end is not None
    return measure(
        caller,
        caller.end,
        started_at=1000.0,
        reference=truth.reference(caller, observed),
        fingerprints=(number, range(N_CALLS)),
        embedded=truth.embedded(caller, observed),
        heard_by_model=truth.heard_by_model(observed),
    )
