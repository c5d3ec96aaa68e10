"""The providers known by name, each with its address, its own defaults and its dialect.

Addresses and models: the providers' own pages, named in `dialects`; for Azure "Use the GPT Realtime API" and
"Migrate from preview to GA" (Microsoft Learn).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import UNSET

from gateway.errors import SettingsError
from gateway.realtime.dialects import BETA, GLM, QWEN, STEPFUN, XAI
from gateway.realtime.providers import Provider
from voice_codecs.formats import PCM16_16K, PCMU_8K

OPENAI_URL = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"
_PREVIEW_VERSION = "2025-04-01-preview"

_OPENAI = Provider(OPENAI_URL, DEFAULT_MODEL)
# On Azure both models are names of deployments, which only the operator knows.
_AZURE = Provider("", "", name="azure", key_header="api-key", default_transcription=None)
_PROVIDERS: Mapping[str, Provider] = {
    "openai": _OPENAI,
    "azure": _AZURE,
    "azure-preview": replace(
        _AZURE, name="azure-preview", dialect=BETA, default_voice="alloy", model_parameter="deployment"
    ),
    "stepfun": Provider(
        "wss://api.stepfun.com/v1/realtime",
        "step-audio-2",
        name="stepfun",
        dialect=STEPFUN,
        default_voice="qingchunshaonv",
        default_transcription=UNSET,
        session_limit=1800.0,
    ),
    "qwen": Provider(
        "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime",
        "qwen3.5-omni-flash-realtime",
        name="qwen",
        dialect=QWEN,
        input_format=PCM16_16K,
        default_voice=None,  # each generation of the model has another set of voices
        default_transcription=UNSET,
    ),
    "glm": Provider(
        "wss://open.bigmodel.cn/api/paas/v4/realtime",
        "glm-realtime-flash",
        name="glm",
        dialect=GLM,
        default_voice="tongtong",
        default_transcription=UNSET,
        model_parameter=None,
    ),
    "xai": Provider(
        "wss://api.x.ai/v1/realtime",
        "grok-voice-latest",
        name="xai",
        dialect=XAI,
        default_voice=None,
        default_transcription=UNSET,
    ),
    "local": replace(_OPENAI, name="local", url="ws://127.0.0.1:8080/v1/realtime"),
}
PROVIDER_NAMES = frozenset(_PROVIDERS)


def provider_named(
    name: str,
    *,
    url: str | None = None,
    model: str | None = None,
    api_key: str | None = None,
    audio_format: str = "pcm16",
) -> Provider:
    """Return a known provider.

    Args:
        name: one of `PROVIDER_NAMES`.
        url: its address, if it is not the usual one; for Azure that of the resource, with or without a path.
        model: the model, if not the provider's own default; for Azure the deployment.
        api_key: of this provider.
        audio_format: ``pcm16``, or ``pcmu`` for mu-law both ways.

    Raises:
        SettingsError: there is no such provider, it must be told its address or model, or lacks the format.
    """
    known = _PROVIDERS.get(name)
    if known is None:
        raise SettingsError(f"there is no provider {name}, only {', '.join(sorted(_PROVIDERS))}")
    if not (url or known.url):
        raise SettingsError(f"{name}: needs an address")
    if not (model or known.model):
        raise SettingsError(f"{name}: needs a model, the name of the deployment")
    address = _ADDRESSES.get(name, str)(url or known.url)
    provider = replace(known, url=address, model=model or known.model, api_key=api_key)
    return _as_pcmu(provider) if audio_format == "pcmu" else provider


def _as_pcmu(provider: Provider) -> Provider:
    if PCMU_8K not in provider.dialect.input_formats:
        raise SettingsError(f"{provider.name}: has no pcmu")
    return replace(provider, input_format=PCMU_8K, output_format=PCMU_8K)


def _azure_url(url: str) -> str:
    """The GA address; with an api-version it would be the preview's."""
    return _azure(url, "/openai/v1/realtime", without={"api-version", "api-key", "deployment"})


def _azure_preview_url(url: str) -> str:
    return _azure(url, "/openai/realtime", without={"api-key", "model"}, version=_PREVIEW_VERSION)


def _azure(url: str, path: str, *, without: set[str], version: str | None = None) -> str:
    parts: SplitResult = urlsplit(url)
    query = {name: value for name, value in parse_qsl(parts.query) if name not in without}
    if version is not None:
        query.setdefault("api-version", version)
    scheme = "wss" if parts.scheme == "https" else parts.scheme
    own = parts.path.rstrip("/")
    path = own if own not in ("", "/openai", "/openai/v1") else path
    return urlunsplit(SplitResult(scheme, parts.netloc, path, urlencode(query), ""))


_ADDRESSES: Mapping[str, Callable[[str], str]] = {"azure": _azure_url, "azure-preview": _azure_preview_url}
