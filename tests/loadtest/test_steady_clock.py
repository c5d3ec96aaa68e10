import time

import pytest

from gateway.loadtest.steady_clock import SteadyClock


def test_time_of_day_does_not_jump_when_the_system_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.time()
    clock = SteadyClock()
    first = clock.now()
    monkeypatch.setattr(time, "time", lambda: before - 3600.0)

    assert first == pytest.approx(before, abs=1.0)
    assert first <= clock.now() < first + 10.0
