"""What a phone number does with calls: what it is set to, what it should be set to, and the difference. Values only.

Fields and precedence: Twilio, "IncomingPhoneNumber resource". Overrides in fragments: "Webhooks: Connection Overrides".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

VOICE_PATH = "/twilio/voice"
FALLBACK_PATH = "/twilio/fallback"
STATUS_PATH = "/twilio/status"
OVERRIDES = "ct=2000&rt=3000&rc=2&rp=5xx,ct,rt"
"""Two more tries after a failed one, each within 2 s to connect and 3 s to answer: the 15 s that Twilio waits at most.
A repeated voice webhook gets the answer of the first."""


@dataclass(frozen=True)
class NumberHooks:
    """Where calls to a number, or to an application, lead. Each is empty where it is not set."""

    voice_url: str = ""
    voice_method: str = ""
    voice_fallback_url: str = ""
    voice_fallback_method: str = ""
    status_callback: str = ""
    status_callback_method: str = ""
    voice_application_sid: str = ""
    """An application whose addresses count in place of these; applications have none."""
    trunk_sid: str = ""
    """A SIP trunk that gets the calls, past all addresses."""

    @classmethod
    def of(cls, resource: Mapping[str, object]) -> "NumberHooks":
        """Take them out of a resource's fields. Raises TypeError for what is no text."""
        given = {each.name: resource.get(each.name) or "" for each in fields(cls)}
        if not all(isinstance(value, str) for value in given.values()):
            raise TypeError("an address that is no text")
        return cls(**{name: str(value) for name, value in given.items()})


HOOK_NAMES = tuple(each.name for each in fields(NumberHooks))
"""The fields, as the resource has them."""


@dataclass(frozen=True)
class PhoneNumber:
    """A number of an account."""

    sid: str
    number: str = field(repr=False)
    """E.164."""
    hooks: NumberHooks = field(repr=False)


@dataclass(frozen=True)
class Change:
    """One field that is not as it should be."""

    name: str
    """As the resource has it."""
    old: str
    """Empty: not set, as is the next."""
    new: str


def wanted_hooks(has: NumberHooks, public_url: str, fallback_url: str | None = None) -> NumberHooks:
    """Tell how a number must be set for its calls to reach the gateway.

    The operator's own choices are kept: overrides behind our voice URL, and a fallback URL at another place.
    ``fallback_url`` names such a place.
    """
    return NumberHooks(
        voice_url=_with_fragment(has.voice_url, public_url + VOICE_PATH, OVERRIDES),
        voice_method="POST",
        **_wanted_fallback(has, public_url, fallback_url),
        status_callback=_with_fragment(has.status_callback, public_url + STATUS_PATH),
        status_callback_method="POST",
    )


def changes(has: NumberHooks, wanted: NumberHooks) -> tuple[Change, ...]:
    """Name the fields that differ."""
    both = ((name, getattr(has, name), getattr(wanted, name)) for name in HOOK_NAMES)
    return tuple(Change(name, old, new) for name, old, new in both if old != new)


def leads_to(url: str, public_url: str) -> bool:
    """Whether an address is one of the gateway's, be it with the wrong scheme."""
    return _place(url) == _place(public_url)


def is_same(url: str, other: str) -> bool:
    """Whether two addresses differ in their overrides at most."""
    return url.partition("#")[0] == other.partition("#")[0]


def overrides(url: str) -> str:
    """What stands behind the ``#``."""
    return url.partition("#")[2]


def shown(url: str) -> str:
    """Spell an address so that it can be shown: without passwords, and without the values of its query."""
    try:
        parts = urlsplit(url)
        query = "&".join(f"{name}=…" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return "an address that cannot be read"
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}:…@{host}" if user else host
    line = urlunsplit(SplitResult(parts.scheme, netloc, parts.path, query, parts.fragment))
    return "".join(each for each in line if each.isprintable())


def without_override(hooks: NumberHooks) -> NumberHooks:
    """Give them as they are without an application or a trunk."""
    return replace(hooks, voice_application_sid="", trunk_sid="")


def _with_fragment(has: str, url: str, fragment: str = "") -> str:
    own = overrides(has) if is_same(has, url) else ""
    chosen = own or fragment
    return f"{url}#{chosen}" if chosen else url


def _wanted_fallback(has: NumberHooks, public_url: str, fallback_url: str | None) -> dict[str, str]:
    if fallback_url is not None and fallback_url == has.voice_fallback_url:
        url, method = fallback_url, has.voice_fallback_method or "POST"
    elif fallback_url is not None:
        url, method = fallback_url, "POST"
    elif has.voice_fallback_url and not leads_to(has.voice_fallback_url, public_url):
        url, method = has.voice_fallback_url, has.voice_fallback_method
    else:
        url, method = _with_fragment(has.voice_fallback_url, public_url + FALLBACK_PATH), "POST"
    return {"voice_fallback_url": url, "voice_fallback_method": method}


def _place(url: str) -> tuple[str, int | None] | None:
    """Host and port, the latter None where it is the scheme's own; None if there is neither."""
    try:
        parts = urlsplit(url)
        port = None if parts.port == {"https": 443, "http": 80}.get(parts.scheme) else parts.port
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None
