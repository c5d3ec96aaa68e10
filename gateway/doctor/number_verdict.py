"""Do the calls of a phone number reach the gateway? Judged by what the number is set to. Values only."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.doctor.check import Finding, failed, ok, together, warning
from gateway.twilio.number_hooks import (
    STATUS_PATH,
    VOICE_PATH,
    Change,
    NumberHooks,
    PhoneNumber,
    changes,
    is_same,
    leads_to,
    overrides,
    shown,
    wanted_hooks,
    without_override,
)

_SETUP = "Run gateway setup {number}, or gateway doctor --fix."


@dataclass(frozen=True)
class NumberVerdict:
    """What is wrong with a number, and what would mend it."""

    number: PhoneNumber
    finding: Finding
    changes: tuple[Change, ...]
    """Empty where nothing has to be changed."""


def leads_here(number: PhoneNumber, application: NumberHooks | None, public_url: str) -> bool:
    """Whether somebody meant a number's calls for the gateway; ``application`` is what the number's one is set to."""
    own, others = number.hooks.voice_url, application.voice_url if application else ""
    return leads_to(own, public_url) or leads_to(others, public_url)


def judged(number: PhoneNumber, application: NumberHooks | None, public_url: str) -> NumberVerdict:
    """Judge a number that is meant for the gateway; ``application`` is None if it has none, or an unknown one."""
    via_application = application is not None and leads_to(application.voice_url, public_url)
    hooks = application if application is not None and via_application else number.hooks
    findings = list(_faults(hooks, public_url, via_application=via_application))
    through = f", by application {number.hooks.voice_application_sid}" if via_application else ""
    if not findings:
        return NumberVerdict(number, ok(f"{number.number} leads here{through}"), ())
    merged = together(findings)
    what = f"{number.number}{through}: " + "; ".join(merged.what.splitlines())
    wanted = wanted_hooks(number.hooks, public_url)
    advice = _SETUP.format(number=number.number)
    return NumberVerdict(number, Finding(merged.outcome, what, advice), changes(number.hooks, wanted))


def _faults(hooks: NumberHooks, public_url: str, *, via_application: bool) -> Iterator[Finding]:
    if hooks.trunk_sid:
        yield failed(f"trunk {hooks.trunk_sid} gets its calls, past all webhooks", "")
    elif hooks.voice_application_sid and not via_application:
        yield failed(f"application {hooks.voice_application_sid} gets its calls", "")
    yield from _voice_faults(without_override(hooks), public_url)
    if not hooks.voice_fallback_url:
        yield warning("no fallback URL", "")
    elif leads_to(hooks.voice_fallback_url, public_url) and _is_get(hooks.voice_fallback_method):
        yield warning("the fallback URL is asked with GET", "")
    if not is_same(hooks.status_callback, public_url + STATUS_PATH):
        yield warning(f"the status callback is {shown(hooks.status_callback) or 'not set'}", "")
    elif _is_get(hooks.status_callback_method):
        yield warning("the status callback is sent with GET", "")


def _voice_faults(hooks: NumberHooks, public_url: str) -> Iterator[Finding]:
    if not is_same(hooks.voice_url, public_url + VOICE_PATH):
        yield failed(f"the voice URL is {shown(hooks.voice_url) or 'not set'}", "")
        return
    if _is_get(hooks.voice_method):
        yield failed("the voice URL is asked with GET, which the gateway does not answer", "")
    if not overrides(hooks.voice_url):
        yield warning("the voice URL asks for no second try", "")


def _is_get(method: str) -> bool:
    """Whether it is not POST, which is also Twilio's default."""
    return method.upper() not in {"", "POST"}
