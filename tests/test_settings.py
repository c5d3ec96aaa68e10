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
        ("REALTIME_URL", "wss://user:secret@model.example.com"),
        ("REALTIME_PROVIDER", "acme"),
        ("REALTIME_API_KEY", "two words"),
        ("OPENAI_API_KEY", "sk-\u00e9"),
        ("AUDIO_FORMAT", "g711"),
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


@pytest.mark.parametrize("provider", ["azure", "azure-preview"])
def test_azure_without_address_deployment_or_key_is_three_mistakes_among_the_others(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")

    assert mistakes(monkeypatch, REALTIME_PROVIDER=provider, PUBLIC_URL="http://voice.example.com") == [
        "PUBLIC_URL: must be https",
        "REALTIME_URL: is required, the address of the Azure resource",
        "REALTIME_MODEL: is required, the name of the Azure deployment",
        f"REALTIME_API_KEY: is required for {provider}",
    ]


@pytest.mark.parametrize("provider", ["stepfun", "qwen", "glm"])
def test_provider_without_key_and_without_mu_law_is_two_mistakes(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    assert mistakes(monkeypatch, REALTIME_PROVIDER=provider, AUDIO_FORMAT="pcmu") == [
        f"REALTIME_API_KEY: is required for {provider}",
        f"AUDIO_FORMAT: {provider} has no pcmu",
    ]


def test_azure_takes_the_address_of_its_resource_as_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_PROVIDER", "azure")
    monkeypatch.setenv("REALTIME_URL", "https://r.openai.azure.com")
    monkeypatch.setenv("REALTIME_MODEL", "my-deployment")
    monkeypatch.setenv("REALTIME_API_KEY", "key")
    monkeypatch.setenv("AUDIO_FORMAT", "pcmu")

    settings = load_settings()

    assert settings.provider_key == "key"
    assert not settings.wants_embedded_server


def test_key_of_openai_is_given_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")

    assert load_settings().provider_key == "sk-of-openai"
    assert load_settings(realtime_api_key="other").provider_key == "other"
    assert load_settings(realtime_provider="local").provider_key is None
    assert mistakes(monkeypatch, REALTIME_PROVIDER="xai") == ["REALTIME_API_KEY: is required for xai"]


@pytest.mark.parametrize(
    ("given", "is_embedded"),
    [
        ({}, True),
        ({"realtime_provider": "local"}, True),
        ({"realtime_provider": "local", "realtime_api_key": "k"}, True),
        ({"realtime_provider": "local", "realtime_url": "ws://localhost:8080"}, False),
        ({"realtime_api_key": "k"}, False),
        ({"openai_api_key": "k"}, False),
        ({"realtime_url": "wss://model.example.com"}, False),
        ({"realtime_provider": "xai", "realtime_api_key": "k"}, False),
    ],
)
def test_embedded_server_answers_when_nobody_else_is_named(given: dict[str, str], is_embedded: bool) -> None:
    assert load_settings(**given).wants_embedded_server is is_embedded


def test_secrets_show_neither_in_mistakes_nor_in_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "canary")
    monkeypatch.setenv("METRICS_TOKEN", "canary")
    monkeypatch.setenv("REALTIME_API_KEY", "canary")

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
