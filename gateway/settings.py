"""Everything the gateway can be told, from the environment and from ``.env``."""

import difflib
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import pydantic
from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.agent_limits import NUMBER, PhoneNumber, matching
from gateway.errors import SettingsError

_ALLOWED = re.compile(NUMBER + r"|\+([1-9][0-9]{0,13})?\*")
ProviderName = Literal["openai", "azure", "azure-preview", "stepfun", "qwen", "glm", "xai", "local"]
AZURE = frozenset({"azure", "azure-preview"})
"""Providers whose address and model only the operator knows."""
NEEDS_NO_KEY = frozenset({"openai", "local"})
"""Without a key, openai leaves answering to the embedded server, or to the server at REALTIME_URL."""
HAS_PCMU = frozenset({"openai", "azure", "azure-preview", "xai", "local"})


class Settings(BaseSettings):
    """Read once, at startup; every mistake is reported at once. The environment wins over ``.env``."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on."""
    public_url: str
    """The address Twilio knows us by, https, without a path. Signatures are checked against it."""
    twilio_auth_token: Annotated[tuple[SecretStr, ...], NoDecode]
    """The account's auth token; several, separated by commas, while one is being rotated."""
    twilio_account_sid: Annotated[str, matching("AC[0-9a-fA-F]{32}", "AC and 32 hex digits")] | None = None
    """If given, calls of any other account are refused, though signed with the right token."""
    twilio_api_key_sid: Annotated[str, matching("SK[0-9a-fA-F]{32}", "SK and 32 hex digits")] | None = None
    """An API key for Twilio's REST API, which else gets the auth token."""
    twilio_api_key_secret: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """The API key's secret."""
    twilio_region: Annotated[str, matching("[a-z]{2}[0-9]{1,2}", "a region such as ie1")] | None = None
    """Where Twilio keeps the account's data, such as ie1; with an edge only."""
    twilio_edge: Annotated[
        Annotated[str, matching("[a-z][a-z0-9-]{0,40}", "an edge such as dublin")] | None,
        Field(validate_default=True),
    ] = None
    """Where our REST requests enter Twilio's network, such as dublin."""
    twilio_api_url: str | None = None
    """Stands in for https://api.twilio.com, whatever region and edge say: a proxy; http:// only to this machine."""
    outbound_number: PhoneNumber | None = None
    """The number of ours that outbound calls come from, E.164."""
    outbound_allowed: Annotated[tuple[str, ...], NoDecode] = ()
    """Who may be called: numbers (E.164) and beginnings with a ``*``, separated by commas; nobody unless named."""
    realtime_provider: ProviderName = "openai"
    """Who answers; local is the embedded server, or another one like it at REALTIME_URL."""
    openai_api_key: SecretStr | None = None
    """The key for openai, if REALTIME_API_KEY is not given; no other provider gets it."""
    realtime_url: Annotated[str | None, Field(validate_default=True)] = None
    """The provider's address, if it is not the usual one; ws:// only to this machine."""
    realtime_model: Annotated[str | None, Field(validate_default=True)] = None
    """The model to ask for, else the provider's own default; for Azure the deployment."""
    realtime_api_key: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """The provider's key. Without one for openai, and without REALTIME_URL, the embedded server answers."""
    audio_format: Literal["pcm16", "pcmu"] = "pcm16"
    """What the model hears and says; pcmu is the telephone's own mu-law."""
    agents_file: Path | None = None
    """TOML file that says who answers which number; read again when it changes."""
    max_calls: PositiveInt = 50
    """Calls carried at once; the next caller hears that we are busy."""
    drain_timeout: PositiveFloat = 25.0
    """Seconds that calls get to finish once SIGTERM arrives. Heroku kills at 30."""
    fallback_number: PhoneNumber | None = None
    """Phone that callers reach when we are busy or broken, E.164."""
    handover_file: Path | None = None
    """File in which conversations of calls that outlive this process are left to the next, for a minute."""
    recordings_dir: Path | None = None
    """Folder for stereo recordings of calls; none are made without one."""
    captures_dir: Path | None = None
    """Folder for captures of all media streams, with the callers' voices; none are made without one."""
    metrics_token: SecretStr | None = None
    """Lets monitoring read /metrics, as a bearer token."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")
    """Addresses and networks of proxies whose X-Forwarded-For is believed, in the log."""
    otel_exporter_otlp_endpoint: (
        Annotated[str, matching("https?://[!-~]+", "an address such as http://localhost:4318")] | None
    ) = None
    """An OpenTelemetry collector, OTLP over HTTP, that gets a trace of every call; needs the extra [otel]."""
    otel_service_name: str = "telephony-voice-gateway"
    """What we are called there."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much to log."""
    log_format: Literal["console", "json"] = "console"
    """Lines for people, or JSON lines."""

    @pydantic.field_validator("twilio_auth_token", mode="before")
    @classmethod
    def _split_tokens(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        tokens = tuple(token.strip() for token in value.split(",") if token.strip())
        if not tokens:
            raise ValueError("is empty")
        return tokens

    @pydantic.field_validator("outbound_allowed", mode="before")
    @classmethod
    def _split_allowed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        allowed = tuple(each.strip() for each in value.split(",") if each.strip())
        for n, each in enumerate(allowed, 1):
            if not _ALLOWED.fullmatch(each):
                raise ValueError(f"entry {n} is neither a number (E.164) nor a beginning such as +1555*")
        return allowed

    @pydantic.field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        proxies = tuple(each.strip() for each in value.split(",") if each.strip())
        for n, each in enumerate(proxies, 1):
            try:
                ipaddress.ip_network(each)
            except ValueError:
                raise ValueError(
                    f"entry {n} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
        return proxies

    @pydantic.field_validator("twilio_api_key_secret")
    @classmethod
    def _check_api_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "twilio_api_key_sid" not in info.data:
            return value  # it is wrong, and has its own line
        sid = info.data["twilio_api_key_sid"]
        if value is None and sid is not None:
            raise ValueError("is required with TWILIO_API_KEY_SID")
        if value is not None and sid is None:
            raise ValueError("needs TWILIO_API_KEY_SID")
        return value

    @pydantic.field_validator("twilio_edge")
    @classmethod
    def _check_edge(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("twilio_region") is not None:
            raise ValueError("is required with TWILIO_REGION: Twilio has retired its hosts without an edge")
        return value

    @pydantic.field_validator("twilio_api_url")
    @classmethod
    def _check_api_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _split_url(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise ValueError("must be https, or http to this machine")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must be an address without password, query and fragment")
        return value.rstrip("/")

    @pydantic.field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        parts = _split_url(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise ValueError("must be https")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be an address alone, such as https://voice.example.com")
        return f"{parts.scheme}://{parts.netloc}"

    @pydantic.field_validator("realtime_url")
    @classmethod
    def _check_realtime_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        is_azure = info.data.get("realtime_provider") in AZURE
        if value is None:
            if is_azure:
                raise ValueError("is required, the address of the Azure resource")
            return None
        parts = _split_url(value)
        secure = {"wss", "https"} if is_azure else {"wss"}
        if parts.scheme not in secure and not (parts.scheme == "ws" and is_loopback(parts.hostname)):
            raise ValueError("must be wss, or ws to this machine")
        if parts.username or parts.password:
            raise ValueError("must not hold a password")
        return value

    @pydantic.field_validator("realtime_model")
    @classmethod
    def _check_realtime_model(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("realtime_provider") in AZURE:
            raise ValueError("is required, the name of the Azure deployment")
        return value

    @pydantic.field_validator("openai_api_key", "realtime_api_key")
    @classmethod
    def _check_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and not re.fullmatch("[!-~]+", value.get_secret_value()):
            raise ValueError("must be one word of ASCII characters")
        provider = info.data.get("realtime_provider", "local")
        if value is None and info.field_name == "realtime_api_key" and provider not in NEEDS_NO_KEY:
            raise ValueError(f"is required for {provider}")
        return value

    @pydantic.field_validator("audio_format")
    @classmethod
    def _check_audio_format(cls, value: str, info: ValidationInfo) -> str:
        provider = info.data.get("realtime_provider", "local")
        if value == "pcmu" and provider not in HAS_PCMU:
            raise ValueError(f"{provider} has no pcmu")
        return value

    @property
    def is_public(self) -> bool:
        """Whether others than this machine reach us."""
        return not is_loopback(urlsplit(self.public_url).hostname)

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The auth tokens in clear."""
        return tuple(token.get_secret_value() for token in self.twilio_auth_token)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in clear that must not be shown to anybody."""
        given = [getattr(self, name) for name in type(self).model_fields]
        hidden = [each for value in given for each in (value if isinstance(value, tuple) else (value,))]
        return tuple(each.get_secret_value() for each in hidden if isinstance(each, SecretStr))

    @property
    def rest_login(self) -> tuple[str, str, str] | None:
        """Account, user name and password for Twilio's REST API, in clear; None without TWILIO_ACCOUNT_SID.

        The API key's where there is one; else the account with the first auth token.
        """
        if self.twilio_account_sid is None:
            return None
        if self.twilio_api_key_sid is not None and self.twilio_api_key_secret is not None:
            secret = self.twilio_api_key_secret.get_secret_value()
            return self.twilio_account_sid, self.twilio_api_key_sid, secret
        return self.twilio_account_sid, self.twilio_account_sid, self.auth_tokens[0]

    @property
    def provider_key(self) -> str | None:
        """The provider's key in clear."""
        shared = self.openai_api_key if self.realtime_provider == "openai" else None
        key = self.realtime_api_key or shared
        return key.get_secret_value() if key else None

    @property
    def wants_embedded_server(self) -> bool:
        """Whether nobody else was named to answer."""
        if self.realtime_url is not None:
            return False
        return self.realtime_provider == "local" or (
            self.realtime_provider == "openai" and self.provider_key is None
        )


def load_settings(**overrides: object) -> Settings:
    """Read the settings; what is given here wins over the environment.

    Raises:
        SettingsError: they cannot be used; one line for each mistake, without the values, which may be secret.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # it is pydantic that checks them
    except pydantic.ValidationError as exc:
        lines = [
            _line(error["loc"], error["type"], error["msg"]) for error in exc.errors(include_input=False)
        ]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from None
    except UnicodeDecodeError:
        raise SettingsError(".env: not UTF-8") from None


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this machine."""
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split_url(value: str) -> SplitResult:
    parts = urlsplit(value)
    is_clean = re.fullmatch("[!-~]+", value)  # a blank, or a line break, which urlsplit would leave out
    if not is_clean or not parts.hostname or parts.port == 0:  # asking for the port checks it
        raise ValueError("is not an address")
    return parts


def _line(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(location[0]).upper() if location else "settings"
    if kind == "missing":
        return f"{name}: is required"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name[:100], [known.upper() for known in Settings.model_fields], 1)
        return f"{name}: unknown setting in .env" + (f"; did you mean {near[0]}?" if near else "")
    return f"{name}: {message.removeprefix('Value error, ')}"
