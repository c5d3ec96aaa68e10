from gateway.realtime.held_audio import HeldAudio
from voice_codecs.formats import PCM16_24K, PCMU_8K


def _all(held: HeldAudio) -> list[bytes]:
    chunks = []
    while held:
        chunks.append(held.release())
    return chunks


def test_audio_comes_out_in_the_order_in_which_it_was_held() -> None:
    held = HeldAudio(PCMU_8K)
    held.hold(b"a")
    held.hold(b"b")

    assert _all(held) == [b"a", b"b"]
    assert held.n_dropped_ms == 0


def test_oldest_audio_goes_when_there_is_more_than_2_seconds() -> None:
    held = HeldAudio(PCM16_24K)
    for number in range(110):
        held.hold(bytes([number]) * 960)

    assert held.n_dropped_ms == 200
    assert [chunk[0] for chunk in _all(held)] == list(range(10, 110))


def test_end_of_a_chunk_that_is_too_long_by_itself_is_kept() -> None:
    held = HeldAudio(PCMU_8K)
    held.hold(bytes(8000) + b"\x01" * 16_000)

    assert _all(held) == [b"\x01" * 16_000]
    assert held.n_dropped_ms == 1000


def test_chunk_that_could_not_be_sent_comes_out_first_again() -> None:
    held = HeldAudio(PCMU_8K)
    held.hold(b"a")
    held.hold(b"b")
    held.hold_again(held.release())

    assert _all(held) == [b"a", b"b"]


def test_audio_that_is_given_up_is_counted() -> None:
    held = HeldAudio(PCMU_8K)
    held.hold(bytes(160))
    held.clear()

    assert not held
    assert held.n_dropped_ms == 20
