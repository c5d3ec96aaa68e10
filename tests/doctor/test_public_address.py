from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.doctor.check import Finding, Outcome
from gateway.doctor.public_address import check_address, check_certificate, judged
from tests.doctor.places import authority, tls_front
from tests.gateways import run, running

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "outcome", "words"),
    [
        ("https://localhost", "warning", "this machine alone"),
        ("http://127.0.0.1:8000", "warning", "this machine alone"),
        ("https://10.1.2.3", "warning", "no public address"),
        ("https://[fd00::1]", "warning", "no public address"),
        ("https://9.9.9.9", "ok", "9.9.9.9 is 9.9.9.9"),
        ("https://9.9.9.9:8443", "warning", "port 8443"),
        ("https://my_voice.example.com", "failed", "has an underscore"),
        ("https://no-such-name.invalid", "failed", "no-such-name.invalid cannot be found"),
    ],
)
def test_an_address_is_judged_by_where_it_leads(url: str, outcome: Outcome, words: str) -> None:
    finding = run(check_address(url))

    assert finding.outcome == outcome
    assert words in finding.what


@pytest.mark.parametrize(
    ("days", "outcome"), [(-1, "warning"), (0, "warning"), (13, "warning"), (14, "ok"), (90, "ok")]
)
def test_a_certificate_near_its_end_is_told_of(days: int, outcome: Outcome) -> None:
    finding = judged(NOW + timedelta(days=days, hours=1), NOW)

    assert finding.outcome == outcome
    assert f"{max(days, 0)} days" in finding.what


def certificate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool = True, **options: object
) -> Finding:
    """Check a certificate made to order, at a server that is there."""

    async def scenario() -> Finding:
        ca, path = authority(folder)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
        async with tls_front(ca, **options) as front:  # type: ignore[arg-type]
            return await check_certificate(front.public_url)

    return run(scenario())


def test_a_certificate_of_a_trusted_authority_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certificate(tmp_path, monkeypatch).outcome == "ok"


def test_a_certificate_that_ends_next_week_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(days=7)

    finding = certificate(tmp_path, monkeypatch, not_after=soon)

    assert (finding.outcome, f"{soon:%Y-%m-%d}" in finding.what) == ("warning", True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"not_after": datetime(2024, 1, 1, tzinfo=UTC), "not_before": datetime(2023, 1, 1, tzinfo=UTC)},
            "has expired",
        ),
        ({"not_before": datetime(2999, 1, 1, tzinfo=UTC)}, "is not valid yet"),
        ({"name": "voice.example.com"}, "is for another name"),
        ({"trusted": False}, "does not lead to a known authority"),
    ],
)
def test_a_certificate_that_twilio_would_not_take_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], words: str
) -> None:
    finding = certificate(tmp_path, monkeypatch, **options)  # type: ignore[arg-type]

    assert finding.outcome == "failed"
    assert words in finding.what
    assert finding.advice


def test_a_port_that_speaks_no_tls_fails() -> None:
    async def scenario() -> Finding:
        async with running(realtime_url="ws://127.0.0.1:9") as at:
            return await check_certificate(f"https://127.0.0.1:{at.port}")

    finding = run(scenario())

    assert finding.outcome == "failed"
    assert "does not speak TLS" in finding.what


def test_nobody_at_the_address_fails_and_without_https_there_is_nothing_to_check() -> None:
    refused, plain = (
        run(check_certificate("https://127.0.0.1:1")),
        run(check_certificate("http://127.0.0.1:1")),
    )

    assert (refused.outcome, refused.what) == ("failed", "no connection to 127.0.0.1, port 1: refused")
    assert plain.outcome == "skipped"
