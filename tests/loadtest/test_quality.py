import sys

import numpy as np
import pytest

from gateway.loadtest.quality import MAX_SNR_DB, Samples, bandwidth_hz, judge, level_dbfs, pesq, snr_db
from gateway.loadtest.recording import Recording, default_recording
from gateway.loadtest.results import Quality
from voice_codecs import Downsampler, Upsampler, mulaw_decode, mulaw_encode, sine, sweep

ONE_SECOND = 8000


def pause(n_samples: int) -> Samples:
    return np.zeros(n_samples, np.int16)


def voice() -> Samples:
    """Two seconds of a person, and a little silence."""
    return mulaw_decode(Recording.read(default_recording()).payload[36_000:54_000])


def with_noise(samples: Samples, snr: float) -> Samples:
    noise = np.random.default_rng(1).normal(size=samples.size)
    noise *= np.sqrt(np.mean(np.square(samples, dtype=np.float64))) * 10 ** (-snr / 20) / noise.std()
    return np.clip(np.rint(samples + noise), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("level", [-40.0, -20.0, -15.0])
def test_the_level_is_that_of_the_voice_without_the_pauses(level: float) -> None:
    speech = sine(1000, 1000, 8000, level_dbfs=level)

    assert level_dbfs(np.concatenate([pause(5 * ONE_SECOND), speech])) == pytest.approx(level, abs=0.1)


def test_line_noise_in_the_pauses_does_not_count_as_voice() -> None:
    hiss = (np.random.default_rng(1).normal(size=5 * ONE_SECOND) * 10).astype(np.int16)

    assert level_dbfs(np.concatenate([hiss, sine(1000, 1000, 8000)])) == pytest.approx(-15, abs=0.1)


def test_silence_has_no_level_and_no_bandwidth() -> None:
    assert level_dbfs(pause(8000)) is None
    assert level_dbfs(pause(0)) is None
    assert bandwidth_hz(pause(8000)) is None


@pytest.mark.parametrize("top_hz", [1000, 2000, 3400])
def test_the_bandwidth_ends_where_the_power_does(top_hz: int) -> None:
    assert bandwidth_hz(sweep(200, top_hz, 4000, 8000)) == pytest.approx(top_hz, abs=40)


@pytest.mark.parametrize("snr", [10.0, 20.0, 30.0])
def test_noise_is_measured_against_the_reference(snr: float) -> None:
    assert snr_db(with_noise(voice(), snr), voice()) == pytest.approx(snr, abs=0.3)


def test_neither_delay_nor_gain_is_noise() -> None:
    quieter = (voice() // 4).astype(np.int16)
    heard = np.concatenate([pause(12_345), with_noise(quieter, 25), pause(3000)])

    assert snr_db(heard, voice()) == pytest.approx(25, abs=0.5)


def test_a_delay_of_less_than_a_sample_is_no_noise() -> None:
    up, down = Upsampler(), Downsampler()
    finer = np.append(up.feed(voice()), up.flush())
    heard = down.feed(np.append(np.zeros(1, np.int16), finer)[: finer.size // 3 * 3])

    found = snr_db(heard, voice())

    assert found is not None
    assert found > 25


def test_mu_law_costs_what_it_costs() -> None:
    clean = sweep(300, 3000, 3000, 8000)

    assert snr_db(mulaw_decode(mulaw_encode(clean)), clean) == pytest.approx(38, abs=2)


def test_the_same_samples_have_no_noise() -> None:
    assert snr_db(voice(), voice()) == MAX_SNR_DB


def test_a_hole_is_no_noise_where_it_is_known_to_be_one() -> None:
    heard, stretches = with_noise(voice(), 30), np.ones(voice().size, np.int32)
    heard[5000:5800] = 0
    stretches[5000:5800] = 0

    with_hole = snr_db(heard, voice())

    assert snr_db(heard, voice(), stretches) == pytest.approx(30, abs=0.5)
    assert with_hole is not None
    assert with_hole < 20


@pytest.mark.parametrize("snr", [20.0, 30.0])
def test_what_was_lost_so_that_the_rest_came_earlier_is_no_noise(snr: float) -> None:
    heard = np.delete(with_noise(voice(), snr), np.r_[2000:2160, 10_000:10_160])

    assert snr_db(np.concatenate([pause(777), heard]), voice()) == pytest.approx(snr, abs=1.5)


def test_what_has_come_in_is_no_noise() -> None:
    heard = np.insert(with_noise(voice(), 30), 9000, np.full(400, 100))

    assert snr_db(heard, voice()) == pytest.approx(30, abs=1)


def test_what_was_said_after_the_reference_had_been_cut_is_no_noise() -> None:
    heard = np.concatenate([with_noise(voice()[:9000], 30), sine(500, 1000, 8000)])
    stretches = np.repeat(np.array([1, 2], np.int32), [9000, 8000])

    assert snr_db(heard, voice(), stretches) == pytest.approx(30, abs=0.5)


def test_what_was_heard_may_be_less_than_the_reference() -> None:
    clean = voice()

    assert snr_db(with_noise(clean[4000:12_000], 25), clean) == pytest.approx(25, abs=0.5)
    assert snr_db(np.append(pause(2000), with_noise(clean[:9000], 25)), clean) == pytest.approx(25, abs=0.5)


def test_silence_cannot_be_compared() -> None:
    assert snr_db(pause(8000), voice()) is None
    assert snr_db(pause(0), voice()) is None
    assert snr_db(voice(), pause(8000)) is None


def test_something_else_than_the_reference_is_noise() -> None:
    other = with_noise(pause(18_000) + np.int16(1), -60)

    found = snr_db(other, voice())

    assert found is not None
    assert found < 0


def test_without_a_reference_only_level_and_bandwidth_are_judged() -> None:
    heard = sine(1000, 1000, 8000)
    everywhere = np.ones(heard.size, np.int32)

    quality = judge(heard, everywhere)

    assert quality.level_dbfs == pytest.approx(-15, abs=0.1)
    assert quality.bandwidth_hz == pytest.approx(1000, abs=40)
    assert (quality.snr_db, quality.pesq) == (None, None)
    assert judge(heard, everywhere, heard).snr_db == MAX_SNR_DB
    assert judge(pause(0), np.ones(0, np.int32), heard) == Quality()
    assert judge(heard, everywhere, pause(8000)).snr_db is None


def test_without_the_package_there_is_no_pesq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)

    assert pesq(voice(), voice()) is None


def test_pesq_prefers_the_clean_voice() -> None:
    pytest.importorskip("pesq", reason="pesq is optional")
    clean, noisy = pesq(voice(), voice()), pesq(with_noise(voice(), 10), voice())

    assert clean == pytest.approx(4.5, abs=0.1)
    assert noisy is not None
    assert noisy < 3.0
    assert pesq(voice(), pause(18_000)) is None
