from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("PUBLIC_URL", "https://voice.example.com/")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "one")


def mistakes(monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[str]:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_readme() -> None:
    settings = load_settings()

    assert settings.public_url == "https://voice.example.com"
    assert (settings.host, settings.port, settings.max_calls) == ("127.0.0.1", 8000, 50)
    assert settings.wants_embedded_server


def test_several_auth_tokens_are_taken_while_one_is_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "old, new,")

    assert load_settings().auth_tokens == ("old", "new")


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=1234\nMAX_CALLS=7\n")
    monkeypatch.setenv("PORT", "4321")

    settings = load_settings()

    assert (settings.port, settings.max_calls) == (4321, 7)


def test_every_mistake_is_reported_at_once_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("MAX_CAL=7\n")

    lines = mistakes(monkeypatch, PORT="99999", PUBLIC_URL="http://voice.example.com", FALLBACK_NUMBER="911")

    assert len(lines) == 4
    assert "PUBLIC_URL: must be https" in lines
    assert "MAX_CAL: unknown setting in .env" in lines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://voice.example.com/base"),
        ("PUBLIC_URL", "https://voice.example.com?x=1"),
        ("PUBLIC_URL", "https://user:secret@voice.example.com"),
        ("PUBLIC_URL", "https://voice.example.com:99999"),
        ("PUBLIC_URL", "voice.example.com"),
        ("REALTIME_URL", "ws://model.example.com"),
        ("REALTIME_URL", "https://model.example.com"),
        ("TWILIO_AUTH_TOKEN", " , "),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("MAX_CALLS", "0"),
        ("DRAIN_TIMEOUT", "-1"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_wrong_value_is_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (line,) = mistakes(monkeypatch, **{name: value})

    assert line.startswith(f"{name}: ")


def test_plain_http_and_ws_are_taken_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("REALTIME_URL", "ws://localhost:8080/v1/realtime")

    settings = load_settings()

    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.wants_embedded_server


def test_secrets_show_neither_in_mistakes_nor_in_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "canary")
    monkeypatch.setenv("METRICS_TOKEN", "canary")

    assert "canary" not in repr(load_settings())
    assert not any(
        "canary" in line for line in mistakes(monkeypatch, PORT="canary", FALLBACK_NUMBER="canary")
    )


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL")
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")

    assert mistakes(monkeypatch) == ["PUBLIC_URL: is required", "TWILIO_AUTH_TOKEN: is required"]


def test_file_that_is_no_text_is_one_line() -> None:
    Path(".env").write_bytes(b"PORT=\xff\xfe")

    with pytest.raises(SettingsError, match=r"\.env: not UTF-8"):
        load_settings()
