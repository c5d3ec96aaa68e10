"""What tests of several folders begin with."""

import pytest

from gateway import app

APOLOGY_MS = 1200


@pytest.fixture
def short_apology(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have gateways apologise in fewer words; give the milliseconds. `test_calls` hears all of them."""
    whole = app._read_prompt

    def read_prompt(name: str) -> bytes:
        return whole(name)[: 8 * APOLOGY_MS] if name == "apology.flac" else whole(name)

    monkeypatch.setattr(app, "_read_prompt", read_prompt)
    return APOLOGY_MS
