"""Was a request signed by Twilio? Pure: the caller passes in the URL, the header and the tokens.

Rules: Twilio, "Security" and "Secure webhooks". The URL is the one that Twilio was given: our configured public base,
the raw path and the raw query, never anything a request says about itself. The hashing is the library's; its own
``validate`` is not used, since it raises on several kinds of forgery and does not compare in constant time.
"""

import hmac
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types

Algorithm = Literal["HMAC_SHA1", "HMAC_SHA256"]
"""SHA-1 goes with auth tokens, SHA-256 with shared keys. A matter of settings: a request must never choose."""

Signature = str | list[str] | None
"""The X-Twilio-Signature header, or all values of it. Only a single value can be right."""

Secrets = list[str] | tuple[str, ...]
"""All auth tokens (or shared keys) accepted now: several while one is being rotated. Empty ones are ignored."""


def is_signed_by_twilio(
    url: str,
    parameters: Sequence[tuple[str, str]],
    signature: Signature,
    auth_tokens: Secrets,
    *,
    algorithm: Algorithm = "HMAC_SHA1",
) -> bool:
    """Tell whether a webhook request is authentic. Never raises, whatever the request holds.

    Args:
        url: the whole URL; tried with and without its port, for Twilio signs either.
        parameters: the form's names and values, decoded, blank and repeated ones included, as
            ``parse_qsl(body, keep_blank_values=True)`` gives them; empty for a GET. Other bodies are not covered.
        signature: the signature header.
        auth_tokens: the secrets to try.
        algorithm: the one configured for these secrets.
    """
    return _is_signed([url], parameters, signature, auth_tokens, algorithm)


def is_handshake_signed_by_twilio(
    url: str, signature: Signature, auth_tokens: Secrets, *, algorithm: Algorithm = "HMAC_SHA1"
) -> bool:
    """Tell whether a media stream's WebSocket handshake is authentic. Never raises.

    ``url`` is what ``websocket_url`` gives; Twilio may have signed it with or without a trailing slash.
    """
    bare = url.removesuffix("/")
    return _is_signed([bare, f"{bare}/"], [], signature, auth_tokens, algorithm)


def websocket_url(public_url: str, path: str) -> str:
    """Spell a path below our public http(s) URL as Twilio dials and signs it: ``ws(s)://``."""
    return "ws" + public_url.removeprefix("http").rstrip("/") + path


class _Form(dict[str, list[str]]):
    """A form as RequestValidator wants it if no value is to be lost."""

    def __init__(self, parameters: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in parameters:
            self.setdefault(name, []).append(value)

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _is_signed(
    urls: Iterable[str],
    parameters: Sequence[tuple[str, str]],
    signature: Signature,
    secrets: Secrets,
    algorithm: Algorithm,
) -> bool:
    values = [signature] if isinstance(signature, str) else signature or []
    if len(values) != 1:
        return False
    try:
        given, form = values[0].encode(), _Form(parameters)
        spellings = [spelling for url in urls for spelling in _with_and_without_port(url)]
        expected = [
            RequestValidator(secret).compute_signature(spelling, form, algorithm).encode()
            for secret in secrets
            if secret  # anyone can sign with an empty key
            for spelling in spellings
        ]
    except ValueError:  # a lone surrogate, a port out of range
        return False
    return any([hmac.compare_digest(given, each) for each in expected])  # noqa: C419 - all are compared, always


def _with_and_without_port(url: str) -> set[str]:
    """Spell a URL as it is, without port, and with one. Unlike the library's, wss means 443 and IPv6 survives."""
    parts = urlsplit(url)
    host, port = parts.netloc, parts.port
    if port is None:
        port = 443 if parts.scheme in {"https", "wss"} else 80
    else:
        host = host.rpartition(":")[0]
    return {url, *(url.replace(f"//{parts.netloc}", f"//{each}", 1) for each in (host, f"{host}:{port}"))}
