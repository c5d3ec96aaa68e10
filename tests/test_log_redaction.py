import json
import logging
from pathlib import Path

import pytest
import structlog

from gateway.log_redaction import Redaction
from gateway.settings import Settings
from tests.test_keys import logged_as_in_production

ODD = 'pass"word\\ /+'


def redacted(line: str, *secrets: str) -> str:
    return Redaction(secrets)(None, "", line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("caller +15005550006.", "caller …0006."),
        ("To=%2B15005550006&From=%2b442071838750", "To=…0006&From=…8750"),
        ('"number": "+4930123456"', '"number": "…3456"'),
        ("Authorization: Bearer abc.DEF-1", "Authorization: Bearer [secret]"),
        ("authorization=basic QUM6c2VjcmV0", "authorization=basic [secret]"),
        ("Incorrect API key provided: sk-proj-ab1*****9xyz.", "Incorrect API key provided: [secret]"),
        ("token hunter22 twice hunter22", "token [secret] twice [secret]"),
    ],
)
def test_what_nobody_may_read_is_not_in_the_line(line: str, shown: str) -> None:
    assert redacted(line, "hunter22") == shown


@pytest.mark.parametrize(
    "line",
    [
        "call CA0123456789abcdef0123456789abcdef",
        "2026-01-02T03:04:05.678901+00:00",
        "+112 answered, +1 too",
        "the basic agent asks whether the bearer is in",
        "task-runner and risk-free",
        "ab is too short to be hidden",
    ],
)
def test_what_operators_need_stays(line: str) -> None:
    assert redacted(line, "ab") == line


def test_secret_is_hidden_however_it_is_written() -> None:
    line = f"{ODD} and {json.dumps(ODD)} and pass%22word%5C%20%2F%2B"

    assert redacted(line, ODD) == '[secret] and "[secret]" and [secret]'


def test_longer_secret_is_hidden_whole() -> None:
    assert redacted("secret-1-old", "secret-1", "secret-1-old") == "[secret]"


def test_lines_of_libraries_and_tracebacks_are_redacted_too() -> None:
    with logged_as_in_production(["hunter22"]) as logged:
        logging.getLogger("library").warning("POST %s", {"To": "+15005550006", "auth": "hunter22"})
        try:
            int("hunter22 for +15005550006")
        except ValueError:
            structlog.get_logger().exception("failed")

    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["event"] for line in lines][1] == "failed"
    assert "…0006" in lines[0]["event"]
    assert "[secret] for …0006" in lines[1]["exception"]
    assert "hunter22" not in logged.getvalue()


def test_every_secret_of_the_settings_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "public_url": "https://voice.example.com",
        "twilio_auth_token": "first-token,second-token",
        "twilio_account_sid": "AC" + 32 * "a",
        "twilio_api_key_sid": "SK" + 32 * "b",
        "twilio_api_key_secret": "api-key-secret",
        "openai_api_key": "openai-key",
        "realtime_api_key": "realtime-key",
        "metrics_token": "metrics-token",
    }
    settings = Settings(**given)  # type: ignore[arg-type]  # it is pydantic that reads them

    assert set(settings.secrets) == {
        "first-token",
        "second-token",
        "api-key-secret",
        "openai-key",
        "realtime-key",
        "metrics-token",
    }
