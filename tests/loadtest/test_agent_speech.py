import math

from gateway.loadtest.agent_speech import AgentSpeech
from gateway.loadtest.playback import PlaybackBuffer
from tests.loadtest.calls import silence, speech
from voice_codecs import mulaw_encode, sine

HUM = mulaw_encode(sine(50, 100, 8000, level_dbfs=-60.0))


def played(*chunks: tuple[float, bytes], clear_at: float = math.inf) -> AgentSpeech:
    """What is known of an agent whose chunks came at these times."""
    buffer, agent = PlaybackBuffer(), AgentSpeech()
    for now, payload in chunks:
        if now > clear_at:
            buffer.clear(clear_at)
            agent.cleared(clear_at)
            clear_at = math.inf
        buffer.play(payload, now)
        agent.queued(payload, buffer.runs[-1].end, buffer.audible_until, now)
    return agent


def span(agent: AgentSpeech) -> tuple[float, float]:
    return round(agent.began_at, 3), round(agent.until, 3)


def test_an_agent_that_was_not_heard_has_not_spoken() -> None:
    agent = played((1.0, silence(500)), (2.0, HUM))

    assert (agent.began_at, agent.until) == (-math.inf, -math.inf)


def test_speech_begins_and_ends_with_what_is_audible() -> None:
    assert span(played((1.0, silence(250) + speech(500) + silence(250)))) == (1.25, 1.75)


def test_audio_that_is_queued_behind_other_audio_is_the_same_speech() -> None:
    assert span(played((1.0, speech(500)), (1.1, silence(2000)), (1.2, speech(500)))) == (1.0, 4.0)


def test_a_short_silence_does_not_end_speech() -> None:
    assert span(played((1.0, speech(500)), (1.79, speech(500)))) == (1.0, 2.29)


def test_after_a_longer_silence_the_agent_begins_anew() -> None:
    assert span(played((1.0, speech(500)), (1.81, speech(500)))) == (1.81, 2.31)


def test_after_a_clear_the_agent_begins_anew() -> None:
    assert span(played((1.0, speech(5000)), (1.51, silence(100) + speech(500)), clear_at=1.5)) == (1.61, 2.11)


def test_a_clear_ends_speech() -> None:
    agent = played((1.0, speech(5000)))
    agent.cleared(1.5)

    assert span(agent) == (1.0, 1.5)
