"""Every check there is, built from the settings."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.doctor import machine, model_check, probe_call, public_address, webhook_probe
from gateway.doctor.check import Check, Finding
from gateway.doctor.clock import check_clock
from gateway.doctor.lenient_settings import ReadSettings
from gateway.doctor.numbers import NumbersCheck
from gateway.doctor.twilio_checks import account_check, always, needing, numbers_check
from gateway.realtime import provider_named
from gateway.settings import Settings

_MODEL = (
    "REALTIME_PROVIDER",
    "REALTIME_URL",
    "REALTIME_MODEL",
    "REALTIME_API_KEY",
    "OPENAI_API_KEY",
    "AUDIO_FORMAT",
    "AGENTS_FILE",
)


@dataclass(frozen=True)
class Examined:
    """The checks, and the one whose findings can be put right."""

    checks: list[Check]
    numbers: NumbersCheck | None
    """None where the settings do not let us ask Twilio."""


async def all_checks(read: ReadSettings, only: tuple[str, ...], stack: AsyncExitStack) -> Examined:
    """Build the checks; what they share is closed with ``stack``. ``only`` names the numbers to look at, E.164."""
    settings = read.settings
    number_check, numbers = await numbers_check(read, only, stack)
    checks = [
        Check("settings", always(read.finding())),
        *_public(read, only[0] if only else None),
        Check("clock", lambda: check_clock(_clocks(read))),
        needing(read, _MODEL, Check("model", _model(read), timeout=15.0)),
        await account_check(read, stack),
        number_check,
        needing(read, ["MAX_CALLS"], Check("open files", lambda: machine.check_open_files(settings))),
        Check("disk", lambda: machine.check_disk(settings)),
    ]
    return Examined(checks, numbers)


def _public(read: ReadSettings, dialled: str | None) -> list[Check]:
    """Look at the public address from outside, with a call to ``dialled``, or to nobody's number."""
    url, tokens, sid = read.settings.public_url, read.settings.auth_tokens, read.settings.twilio_account_sid
    address = Check("address", lambda: public_address.check_address(url))
    certificate = Check("certificate", lambda: public_address.check_certificate(url), needs=("address",))
    stream = Check("media stream", lambda: webhook_probe.check_handshake(url), needs=("address",))
    webhook = Check(
        "webhook", lambda: webhook_probe.check_webhook(url, tokens, sid), timeout=20.0, needs=("address",)
    )
    call = Check(
        "call",
        lambda: probe_call.check_call(url, tokens[0], sid, dialled),
        timeout=probe_call.TIMEOUT,
        needs=("webhook", "media stream"),
    )
    own = ("PUBLIC_URL",)
    signed = (*own, "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID")
    return [
        needing(read, own, address),
        needing(read, own, certificate),
        needing(read, signed, webhook),
        needing(read, own, stream),
        needing(read, signed, call),
    ]


def _clocks(read: ReadSettings) -> dict[str, str]:
    clocks = {"Twilio's": _api_url(read.settings)}
    if "PUBLIC_URL" not in read.unusable:
        clocks["the public address's"] = f"{read.settings.public_url}/healthz"
    return clocks


def _api_url(settings: Settings) -> str:
    if settings.twilio_api_url or settings.twilio_edge is None:
        return settings.twilio_api_url or "https://api.twilio.com"
    return f"https://api.{settings.twilio_edge}.{settings.twilio_region or 'us1'}.twilio.com"


def _model(read: ReadSettings) -> Callable[[], Awaitable[Finding]]:
    settings = read.settings
    if settings.wants_embedded_server:
        return always(model_check.embedded())

    async def run() -> Finding:
        provider = provider_named(
            settings.realtime_provider,
            url=settings.realtime_url,
            model=settings.realtime_model,
            api_key=settings.provider_key,
            audio_format=settings.audio_format,
        )
        return await model_check.check_model(provider, read.agents, datetime.now(UTC).date())

    return run
