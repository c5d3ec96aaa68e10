"""What the embedded server tells of whole calls, over real sockets, is near the truth."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.fingerprint import Fingerprint, found
from gateway.loadtest.identity import new_identity
from gateway.loadtest.measures import measure
from gateway.loadtest.observed_calls import read_observed
from gateway.loadtest.place import place_call
from gateway.loadtest.recording import Recording
from gateway.loadtest.truth import embedded, heard_by_model, reference
from gateway.local_realtime import LocalRealtimeServer
from gateway.observed import Observed
from tests import virtual_time
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, humming, running
from tests.local_realtime.sessions import SHORT_TURNS

pytestmark = pytest.mark.once

CALLER = 7


def call(
    tape: Recording, folder: Path, query: str = "", **settings: str
) -> tuple[RecordedCaller, list[Observed]]:
    """Have a recording call, in virtual time: however busy the machine is, nobody is late."""
    caller = RecordedCaller(tape, PUBLIC_URL, AUTH_TOKEN, identity=new_identity(), linger=1.0)

    async def scenario() -> list[Observed]:
        async with (
            LocalRealtimeServer(observed_dir=folder) as server,
            running(realtime_provider="local", realtime_url=server.url + query, **settings) as gateway,
        ):
            await place_call(caller, connect_to=gateway.address)
            return await asyncio.to_thread(read_observed, folder, caller.identity.call_sid, 10.0)

    return caller, virtual_time.run(scenario())


@pytest.mark.parametrize("audio_format", ["pcm16", "pcmu"])
def test_of_a_call_through_our_gateway_nothing_is_missing_late_or_wrong(
    tmp_path: Path, audio_format: str
) -> None:
    tape = Recording.read(SHORT_TURNS)
    said = Fingerprint(CALLER).mixed(tape.payload[: 7 * 8000])
    utterances = tuple(each for each in tape.utterances if each.end_ms <= 7000)
    tape = msgspec.structs.replace(tape, payload=said, utterances=utterances)

    caller, sessions = call(tape, tmp_path, audio_format=audio_format)

    result, clean = embedded(caller, sessions), reference(caller, sessions)
    assert caller.end is not None
    assert [each.input_encoding for each in sessions] == [audio_format]
    assert 0 <= result.added_up_ms[0] <= result.added_up_ms[-1] < 20
    assert 0 <= result.added_down_ms[0] <= result.added_down_ms[-1] < 20
    assert len(result.missing_up_ms) == len(utterances)
    assert set(result.missing_up_ms) == {0.0}
    assert set(result.missing_down_ms) == {0.0}
    assert result.truncation_errors_ms
    assert np.abs(result.truncation_errors_ms).max() < 60
    assert found(heard_by_model(sessions), range(20)) == CALLER
    measured = measure(caller, caller.end, started_at=0.0, reference=clean)
    assert (measured.quality.snr_db or 0) > 30


def test_sessions_that_follow_each_other_in_a_call_all_leave_their_file(tmp_path: Path) -> None:
    caller, sessions = call(humming(4.0), tmp_path, "?fault_close_after=2")

    assert len(sessions) >= 2
    assert [each.appends[0].at for each in sessions] == sorted(each.appends[0].at for each in sessions)
    result = embedded(caller, sessions)
    assert 0 <= np.median(result.added_up_ms) < 20
    assert 60 <= len(result.added_up_ms) <= 110  # frames of the first two seconds


def test_of_a_session_whose_folder_is_not_ours_nothing_is_told(tmp_path: Path) -> None:
    caller, _ = call(humming(0.5), tmp_path)

    assert read_observed(tmp_path / "other", caller.identity.call_sid, 0.0) == []
