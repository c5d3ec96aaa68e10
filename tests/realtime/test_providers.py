from typing import Any, get_args

import msgspec
import pytest

from gateway.errors import LocalProtocolError, RealtimeError, SettingsError
from gateway.realtime import Provider, provider_named
from gateway.realtime.events import Session
from gateway.realtime.known_providers import PROVIDER_NAMES
from gateway.settings import AZURE, HAS_PCMU, ProviderName
from tests.realtime.configs import KEY, NAMES, known
from voice_codecs.formats import PCM16_16K, PCMU_8K


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("openai", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("azure", "wss://r.openai.azure.com/openai/v1/realtime?model=my+deployment"),
        (
            "azure-preview",
            "wss://r.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=my+deployment",
        ),
        ("stepfun", "wss://api.stepfun.com/v1/realtime?model=step-audio-2"),
        ("qwen", "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime?model=qwen3.5-omni-flash-realtime"),
        ("glm", "wss://open.bigmodel.cn/api/paas/v4/realtime"),
        ("xai", "wss://api.x.ai/v1/realtime?model=grok-voice-latest"),
        ("local", "ws://127.0.0.1:8080/v1/realtime?model=gpt-realtime-2.1"),
    ],
)
def test_each_provider_is_asked_at_its_address_with_its_key_in_one_header(name: str, url: str) -> None:
    provider = known(name)
    expected = {"api-key": KEY} if name in AZURE else {"Authorization": f"Bearer {KEY}"}

    assert provider.name == name
    assert provider.connect_url() == url
    assert provider.headers() == expected
    assert provider_named(name, url="wss://x.example.com", model="m").headers() == {}


@pytest.mark.parametrize(
    ("name", "given", "url"),
    [
        (
            "azure",
            "wss://r.example.com/openai/v1/realtime/",
            "wss://r.example.com/openai/v1/realtime?model=d",
        ),
        ("azure", "https://r.example.com/openai/v1", "wss://r.example.com/openai/v1/realtime?model=d"),
        (
            "azure",
            "https://r.example.com/?api-version=1&api-key=k",
            "wss://r.example.com/openai/v1/realtime?model=d",
        ),
        ("azure", "https://proxy.example.com/a/b", "wss://proxy.example.com/a/b?model=d"),
        ("azure", "ws://127.0.0.1:1", "ws://127.0.0.1:1/openai/v1/realtime?model=d"),
        (
            "azure-preview",
            "https://r.example.com/openai/realtime?api-version=2024-10-01-preview&deployment=old",
            "wss://r.example.com/openai/realtime?api-version=2024-10-01-preview&deployment=d",
        ),
        ("openai", "wss://r.example.com/v1?x=1&model=old&y=", "wss://r.example.com/v1?x=1&y=&model=d"),
    ],
)
def test_address_of_the_operator_is_completed_and_keeps_its_query(name: str, given: str, url: str) -> None:
    assert known(name, url=given, model="d").connect_url() == url


def test_model_of_one_session_wins_and_is_quoted() -> None:
    provider = Provider("wss://model.example.com/v1", "usual")

    assert provider.connect_url("a b&c=d/é") == "wss://model.example.com/v1?model=a+b%26c%3Dd%2F%C3%A9"


@pytest.mark.parametrize("name", NAMES)
def test_only_the_embedded_server_learns_which_call_it_is(name: str) -> None:
    provider = known(name)

    assert ("CA1" in provider.for_call("CA1").connect_url()) == (name == "local")
    assert (provider.for_call("CA1") == provider) == (name != "local")


def test_label_of_a_call_is_quoted_and_replaces_another() -> None:
    provider = provider_named("local", url="ws://127.0.0.1:1/v1/realtime?a=&call=x", model="m")

    assert provider.for_call("C&A").connect_url() == "ws://127.0.0.1:1/v1/realtime?a=&call=C%26A&model=m"


@pytest.mark.parametrize("name", NAMES)
def test_key_is_neither_in_print_nor_in_the_address(name: str) -> None:
    provider = known(name)

    assert KEY not in repr(provider) + str(provider) + provider.connect_url()
    assert "canary" not in repr(Provider("wss://x.example.com/?key=canary", "m"))


def test_provider_that_lacks_something_is_refused_in_words() -> None:
    with pytest.raises(SettingsError, match="there is no provider acme"):
        provider_named("acme")
    with pytest.raises(SettingsError, match="azure: needs an address"):
        provider_named("azure", model="d")
    with pytest.raises(SettingsError, match="azure: needs a model"):
        provider_named("azure", url="https://r.openai.azure.com")
    with pytest.raises(LocalProtocolError, match="openai does not know pcm16 at 16000 Hz"):
        Provider("wss://model.example.com", "m", input_format=PCM16_16K)


@pytest.mark.parametrize("name", NAMES)
def test_settings_and_providers_agree_who_has_mu_law(name: str) -> None:
    if name in HAS_PCMU:
        provider = known(name, audio_format="pcmu")
        assert (provider.input_format, provider.output_format) == (PCMU_8K, PCMU_8K)
    else:
        with pytest.raises(SettingsError, match=f"^{name}: has no pcmu$"):
            known(name, audio_format="pcmu")


def test_settings_and_providers_agree_on_the_names() -> None:
    assert set(get_args(ProviderName)) == PROVIDER_NAMES


def ga_echo(**formats: Any) -> Session:
    return msgspec.convert({"audio": {name: {"format": value} for name, value in formats.items()}}, Session)


@pytest.mark.parametrize(
    ("name", "audio_format", "session"),
    [
        ("xai", "pcm16", ga_echo(input=None)),
        (
            "openai",
            "pcm16",
            ga_echo(input={"type": "audio/pcm", "rate": 24_000}, output={"type": "audio/pcm"}),
        ),
        ("openai", "pcmu", ga_echo(input={"type": "audio/pcmu"}, output={"type": "audio/pcmu"})),
        ("openai", "pcm16", Session(input_audio_format="pcm16", output_audio_format="pcm16")),
        ("stepfun", "pcm16", Session()),
        ("xai", "pcmu", ga_echo(output={"type": "audio/pcmu", "rate": 8000})),
        ("azure-preview", "pcm16", Session(input_audio_format="pcm16", output_audio_format="pcm16")),
        ("azure-preview", "pcmu", Session(input_audio_format="g711_ulaw", output_audio_format="g711_ulaw")),
        ("qwen", "pcm16", Session(input_audio_format="pcm16", output_audio_format="pcm24")),
        ("qwen", "pcm16", ga_echo(input={"type": "pcm"}, output={"type": "audio/pcm", "rate": 24_000})),
    ],
)
def test_format_that_was_asked_for_is_accepted_however_it_is_confirmed(
    name: str, audio_format: str, session: Session
) -> None:
    known(name, audio_format=audio_format).check_formats(session)


def test_format_of_speech_does_not_matter_where_answers_are_written() -> None:
    known("openai").check_formats(ga_echo(input={"type": "audio/pcm"}), speaks=False)


@pytest.mark.parametrize(
    ("name", "audio_format", "session", "words"),
    [
        ("openai", "pcm16", ga_echo(input={"type": "audio/pcmu"}), "audio/pcmu for input audio"),
        (
            "openai",
            "pcm16",
            ga_echo(output={"type": "audio/pcm", "rate": 8000}),
            "audio/pcm at 8000 Hz for output",
        ),
        (
            "openai",
            "pcmu",
            ga_echo(output={"type": "audio/pcm", "rate": 24_000}),
            "we asked for pcmu at 8000 Hz",
        ),
        ("openai", "pcmu", Session(output_audio_format="pcm16"), "pcm16 for output audio"),
        ("azure-preview", "pcm16", Session(input_audio_format="g711_alaw"), "g711_alaw for input audio"),
        ("azure-preview", "pcmu", Session(output_audio_format="g711"), "g711 for output audio"),
        ("qwen", "pcm16", Session(input_audio_format="pcm24"), "pcm24 for input audio"),
        ("stepfun", "pcm16", Session(input_audio_format="x\ny" * 99), r"x\ny"),
        ("openai", "pcm16", Session(), "no format for input audio"),
        ("azure", "pcm16", ga_echo(input={"type": "audio/pcm"}), "no format for output audio"),
        ("azure-preview", "pcm16", Session(input_audio_format="pcm16"), "no format for output audio"),
    ],
)
def test_other_format_than_asked_for_is_an_error_in_one_line(
    name: str, audio_format: str, session: Session, words: str
) -> None:
    with pytest.raises(RealtimeError) as caught:
        known(name, audio_format=audio_format).check_formats(session)

    assert caught.value.code == "wrong_audio_format"
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
