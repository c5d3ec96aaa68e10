from pathlib import Path

from tests.fakes import Behaviour, FakeRealtimeServer, FakeSession
from tests.gateways import run, running
from tests.known_faults.test_audio import GREETING
from tests.test_calls import call, ended_by, heard, tone
from voice_codecs import mulaw_encode, sine


def test_model_that_changes_its_audio_format_in_the_middle_of_a_call_is_left_and_no_static_is_heard(
    tmp_path: Path, short_apology: int
) -> None:
    """Fault 12."""
    path = tmp_path / "agents.toml"
    path.write_text(GREETING)

    async def script(session: FakeSession) -> None:
        await session.wait_for("response.create")
        session.behaviour = Behaviour(output_format={"type": "audio/pcmu"})
        await session.say("item_1", tone(200), "Hello.")
        for _ in range(2):
            await session.wait_for("session.update")
        await session.say("item_2", mulaw_encode(sine(440.0, 900, 8000)), "How can I help?")

    async def whole() -> tuple[float, list[str]]:
        async with FakeRealtimeServer() as model:
            async with running(realtime_url=model.url, agents_file=path) as at:
                outcome, caller = await call(at, model, script, 8.0)
            assert model.faults == []
            assert outcome.faults == {}
            return len(heard(caller)) / 8, ended_by(at)

    heard_ms, reasons = run(whole())
    assert reasons == ["refused"]
    assert (
        short_apology - 5 < heard_ms <= short_apology + 200
    )  # the apology, after a greeting that it may have cut
