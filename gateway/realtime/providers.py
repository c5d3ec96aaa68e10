"""Who answers: address, key, formats and dialect of a realtime server, as one value."""

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import UNSET, UnsetType

from gateway.errors import LocalProtocolError, RealtimeError
from gateway.realtime.dialects import BETA, GA, Dialect, FormatNames
from gateway.realtime.events import AudioDirection, Session, SessionAudio
from gateway.realtime.session import SessionConfig
from gateway.realtime.session_fields import Transcription
from gateway.realtime.tool_definitions import check_tools
from gateway.realtime.translation import ga_format_of, write_item, write_response, write_session
from voice_codecs.formats import PCM16_24K, AudioFormat

_GPT_TRANSCRIBE = Transcription("gpt-transcribe")
_LOCKED = ("voice", "tracing")
"""What a server refuses to hear again once the model has spoken, and the rest of the update with it."""


@dataclass(frozen=True)
class Provider:
    """A realtime server and how it is asked; a server of the GA protocol if nothing else is said.

    Raises:
        LocalProtocolError: the dialect has no name for one of the formats.
    """

    url: str = field(repr=False)
    """Without the model; a query of its own is kept."""
    model: str
    api_key: str | None = field(default=None, repr=False)
    _: KW_ONLY
    name: str = "openai"
    """What messages call it."""
    dialect: Dialect = field(default=GA, repr=False)
    input_format: AudioFormat = PCM16_24K
    """Of the caller's audio that we send."""
    output_format: AudioFormat = PCM16_24K
    """Of the model's audio that we get."""
    default_voice: str | None = "marin"
    """None leaves the voice to the server."""
    default_transcription: Transcription | UnsetType | None = _GPT_TRANSCRIBE
    """UNSET leaves it to the server."""
    key_header: Literal["Authorization", "api-key"] = "Authorization"
    model_parameter: Literal["model", "deployment"] | None = "model"
    """What the query calls the model."""
    session_limit: float = 3600.0
    """Seconds that a session lives, where the server does not tell."""

    def __post_init__(self) -> None:
        for asked, names in (
            (self.input_format, self.dialect.input_formats),
            (self.output_format, self.dialect.output_formats),
        ):
            if asked not in names:
                raise LocalProtocolError(f"{self.name} does not know {_words(asked)}")

    def connect_url(self, model: str | None = None) -> str:
        """Return the address of a new session."""
        parts = urlsplit(self.url)
        name = self.model_parameter
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
        if name is not None:
            query.append((name, model or self.model))
        return urlunsplit(parts._replace(query=urlencode(query)))

    def for_call(self, call_sid: str) -> Self:
        """Return the provider for one call: the embedded server is told which it is, every other one is not."""
        if self.name != "local":
            return self
        parts = urlsplit(self.url)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "call"]
        return replace(self, url=urlunsplit(parts._replace(query=urlencode([*query, ("call", call_sid)]))))

    def headers(self) -> dict[str, str]:
        """Return the handshake's headers: the key, and nothing else.

        The beta header is not among them: OpenAI answers it with a shape that is switched off, Azure's preview
        and the clones do not ask for it.
        """
        if self.api_key is None:
            return {}
        return {self.key_header: self.api_key if self.key_header == "api-key" else f"Bearer {self.api_key}"}

    def session(
        self, config: SessionConfig, *, tools: Iterable[Mapping[str, Any]] = (), with_voice: bool = True
    ) -> dict[str, Any]:
        """Return the ``session`` of a complete session.update.

        Args:
            config: what is wanted.
            tools: definitions beside those of the config.
            with_voice: False once the model has spoken; leaves out what is locked from then on.

        Raises:
            LocalProtocolError: a tool is defined twice or badly, or the server cannot do what is wanted.
        """
        settings: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
        settings["tools"] = check_tools([*config.tools, *tools])
        settings |= {
            "model": self.model,
            "input_format": self.input_format,
            "output_format": self.output_format,
        }
        if config.voice is None:
            settings["voice"] = self.default_voice
        if config.transcription is UNSET and self.default_transcription is not UNSET:
            settings["transcription"] = msgspec.to_builtins(self.default_transcription)
        left_out = set() if with_voice else {*_LOCKED}
        if settings["voice"] is None:
            left_out.add("voice")
        return write_session(self.dialect, {k: v for k, v in settings.items() if k not in left_out})

    def item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return a GA item as the server wants it."""
        return write_item(self.dialect, item)

    def response(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return GA parameters of response.create as the server wants them.

        Raises:
            LocalProtocolError: there is no such parameter, or the server cannot do what it asks for.
        """
        return write_response(self.dialect, params)

    def check_formats(self, session: Session, *, speaks: bool = True) -> None:
        """Hold the audio formats that the server confirms against those we asked for.

        Args:
            session: As the server confirms it. Servers whose dialect confirms formats must name both; the others
                are taken at their word that they accepted the update.
            speaks: Whether answers are spoken, so that the output's format matters.

        Raises:
            RealtimeError: another format was confirmed, or none. Sound in it would be noise.
        """
        dialect, flat = self.dialect, self.dialect if self.dialect.is_flat else BETA
        audio = session.audio or SessionAudio()
        self._check("input", self.input_format, audio.input, dialect.input_formats)
        self._check("output", self.output_format, audio.output, dialect.output_formats)
        self._check_flat("input", self.input_format, session.input_audio_format, flat.input_formats)
        self._check_flat("output", self.output_format, session.output_audio_format, flat.output_formats)
        if dialect.confirms_formats:
            self._check_told("input", self.input_format, audio.input, session.input_audio_format)
        if dialect.confirms_formats and speaks:
            self._check_told("output", self.output_format, audio.output, session.output_audio_format)

    def _check_told(
        self, direction: str, asked: AudioFormat, nested: AudioDirection | None, flat: object
    ) -> None:
        if (nested is None or nested.format is None) and flat is None:
            raise self._wrong(direction, asked, "no format")

    def _check(
        self, direction: str, asked: AudioFormat, confirmed: AudioDirection | None, names: FormatNames
    ) -> None:
        if confirmed is None or confirmed.format is None:
            return
        echo = confirmed.format
        known = {"", ga_format_of(asked)["type"], *names[asked]}
        if echo.type not in known or echo.rate not in {None, asked.sample_rate}:
            rate = "" if echo.rate is None else f" at {echo.rate} Hz"
            raise self._wrong(direction, asked, f"{echo.type}{rate}")

    def _check_flat(self, direction: str, asked: AudioFormat, echo: object, names: FormatNames) -> None:
        if isinstance(echo, str) and echo not in names.get(asked, ()):
            raise self._wrong(direction, asked, echo)

    def _wrong(self, direction: str, asked: AudioFormat, echo: str) -> RealtimeError:
        said = ascii(echo[:60])[1:-1]
        return RealtimeError(
            f"{self.name} confirmed {said} for {direction} audio, we asked for {_words(asked)}",
            code="wrong_audio_format",
        )


def _words(audio_format: AudioFormat) -> str:
    return f"{audio_format.encoding} at {audio_format.sample_rate} Hz"
