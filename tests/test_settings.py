from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import Settings, load_settings

ACCOUNT_SID = "AC" + 32 * "a"
KEY_SID = "SK" + 32 * "b"


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
    assert "MAX_CAL: unknown setting in .env; did you mean MAX_CALLS?" in lines
    assert "FALLBACK_NUMBER: must be a number such as +15551234567 (E.164)" in lines


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
        ("TWILIO_ACCOUNT_SID", "AC" + 33 * "0"),
        ("TWILIO_API_KEY_SID", "AC" + 32 * "0"),
        ("TWILIO_API_KEY_SECRET", "a-secret-without-its-key"),
        ("TWILIO_REGION", "api.example.com"),
        ("TWILIO_EDGE", "dublin.example.com/"),
        ("TWILIO_API_URL", "http://api.example.com"),
        ("TWILIO_API_URL", "https://user:secret@api.example.com"),
        ("TWILIO_API_URL", "https://api.example.com?x=1"),
        ("TWILIO_API_URL", "api.example.com"),
        ("OUTBOUND_NUMBER", "911"),
        ("OUTBOUND_ALLOWED", "*"),
        ("OUTBOUND_ALLOWED", "+1500*, +0*"),
        ("OUTBOUND_ALLOWED", "+1500*5"),
        ("OUTBOUND_ALLOWED", "15005550006"),
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


def test_an_api_key_needs_its_secret_and_a_region_its_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mistakes(monkeypatch, TWILIO_API_KEY_SID=KEY_SID, TWILIO_REGION="ie1") == [
        "TWILIO_API_KEY_SECRET: is required with TWILIO_API_KEY_SID",
        "TWILIO_EDGE: is required with TWILIO_REGION: Twilio has retired its hosts without an edge",
    ]


def test_a_wrong_api_key_is_one_mistake_though_it_has_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = mistakes(monkeypatch, TWILIO_API_KEY_SID="SK1", TWILIO_API_KEY_SECRET="s")

    assert line.startswith("TWILIO_API_KEY_SID: ")


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ({}, None),
        ({"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": "s"}, None),
        ({"twilio_account_sid": ACCOUNT_SID}, (ACCOUNT_SID, ACCOUNT_SID, "new")),
        (
            {
                "twilio_account_sid": ACCOUNT_SID,
                "twilio_api_key_sid": KEY_SID,
                "twilio_api_key_secret": "s",
            },
            (ACCOUNT_SID, KEY_SID, "s"),
        ),
    ],
)
def test_rest_api_is_used_with_the_api_key_else_with_the_first_auth_token(
    given: dict[str, str], login: tuple[str, str, str] | None
) -> None:
    assert load_settings(twilio_auth_token="new,old", **given).rest_login == login


def test_nobody_may_be_called_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().outbound_allowed == ()

    monkeypatch.setenv("OUTBOUND_ALLOWED", "+15005550006, +49*,+*,")

    assert load_settings().outbound_allowed == ("+15005550006", "+49*", "+*")
    assert mistakes(monkeypatch, OUTBOUND_ALLOWED="+49*,0123") == [
        "OUTBOUND_ALLOWED: entry 2 is neither a number (E.164) nor a beginning such as +1555*"
    ]


def test_an_edge_serves_without_a_region_and_another_api_address_without_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_API_URL", "http://127.0.0.1:9000/")

    settings = load_settings()

    assert (settings.twilio_region, settings.twilio_edge) == (None, "dublin")
    assert settings.twilio_api_url == "http://127.0.0.1:9000"


def test_plain_http_and_ws_are_taken_on_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("REALTIME_URL", "ws://localhost:8080/v1/realtime")

    settings = load_settings()

    assert settings.public_url == "http://127.0.0.1:8000"
    assert not settings.wants_embedded_server


def test_what_has_a_form_is_told_by_its_form_not_by_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_API_KEY_SID": "SK1",
        "TWILIO_REGION": "ie",
        "TWILIO_EDGE": "D",
    }

    assert mistakes(monkeypatch, OUTBOUND_NUMBER="911", **wrong) == [
        "TWILIO_ACCOUNT_SID: must be AC and 32 hex digits",
        "TWILIO_API_KEY_SID: must be SK and 32 hex digits",
        "TWILIO_REGION: must be a region such as ie1",
        "TWILIO_EDGE: must be an edge such as dublin",
        "OUTBOUND_NUMBER: must be a number such as +15551234567 (E.164)",
    ]


def test_scheme_of_our_address_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "HTTPS://voice.example.com:8443/")

    assert load_settings().public_url == "https://voice.example.com:8443"


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example.com ",
        "https://voice.\nexample.com",
        "https://:pw@voice.example.com",
        "https:voice",
    ],
)
def test_address_that_twilio_could_not_sign_for_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    (line,) = mistakes(monkeypatch, PUBLIC_URL=url)

    assert line.startswith("PUBLIC_URL: ")


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
    monkeypatch.setenv("TWILIO_API_KEY_SID", KEY_SID)
    monkeypatch.setenv("TWILIO_API_KEY_SECRET", "canary")
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


def test_proxies_and_the_collector_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = mistakes(
        monkeypatch, TRUSTED_PROXIES="10.0.0.0/8, *", OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318"
    )

    assert lines == [
        "TRUSTED_PROXIES: entry 2 is neither an address nor a network such as 10.0.0.0/8",
        "OTEL_EXPORTER_OTLP_ENDPOINT: must be an address such as http://localhost:4318",
    ]


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().trusted_proxies == ("127.0.0.1", "::1")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, ::1,")

    assert load_settings().trusted_proxies == ("10.0.0.0/8", "::1")
