"""PUBLIC_URL as Twilio would find it: a name that leads somewhere public, and a certificate that can be trusted.

What Twilio asks for: "Media Streams Configuration", "Webhooks" (host names), error pages 31910 and 1122x.
"""

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from gateway.doctor.check import Finding, failed, ok, skipped, together, warning
from gateway.settings import is_loopback

MIN_DAYS_LEFT = 14
"""Days that a certificate should still be good for; what renews itself does so earlier."""

_WRONG: dict[int, tuple[str, str]] = {
    9: ("is not valid yet", "Check the clock of this machine, and the certificate."),
    10: ("has expired", "Renew it, and have the proxy read it again."),
    18: ("is self-signed", "Twilio takes only certificates of a public authority, such as Let's Encrypt."),
    19: ("comes from an authority of your own", "Twilio takes only certificates of a public authority."),
    20: (
        "does not lead to a known authority",
        "Serve the whole chain, the intermediate certificates included; and take a public authority.",
    ),
    62: ("is for another name", "Get one for the name in PUBLIC_URL, or correct PUBLIC_URL."),
    64: ("is for another address", "Get one for the address in PUBLIC_URL, or use a name."),
}
"""OpenSSL's codes of why a certificate is not taken, X509_V_ERR: what is wrong, and what to do."""


def host_and_port(public_url: str) -> tuple[str, int]:
    """Take a URL's host and port apart."""
    parts = urlsplit(public_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def check_address(public_url: str) -> Finding:
    """Look the name up, and say what would keep Twilio from using it."""
    host, port = host_and_port(public_url)
    if "_" in host:
        return failed(f"{host} has an underscore", "Twilio refuses such names: take another.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return failed(
            f"{host} cannot be found", "Correct PUBLIC_URL, or the name's DNS; is there a network here?"
        )
    addresses = sorted({str(each[4][0]) for each in found})
    return together([ok(f"{host} is {', '.join(addresses)}"), *_doubts(public_url, addresses)])


def _doubts(public_url: str, addresses: list[str]) -> list[Finding]:
    host, port = host_and_port(public_url)
    doubts = []
    if is_loopback(host) or all(ipaddress.ip_address(each).is_loopback for each in addresses):
        doubts.append(
            warning("that is this machine alone", "Set PUBLIC_URL to an https address that Twilio can reach.")
        )
    elif not any(ipaddress.ip_address(each.partition("%")[0]).is_global for each in addresses):
        doubts.append(
            warning("no public address, seen from here", "Twilio must find a public one under this name.")
        )
    if public_url.startswith("https://") and port != 443:
        doubts.append(
            warning(f"port {port}", "Twilio promises to open media streams on port 443 alone: use that.")
        )
    return doubts


async def check_certificate(public_url: str) -> Finding:
    """Make a TLS connection and judge the certificate by this machine's authorities."""
    if not public_url.startswith("https://"):
        return skipped("PUBLIC_URL is not https")
    host, port = host_and_port(public_url)
    try:
        _, writer = await asyncio.open_connection(
            host, port, ssl=ssl.create_default_context(), server_hostname=host
        )
    except ssl.SSLCertVerificationError as exc:
        what, advice = _WRONG.get(exc.verify_code, (f"is not trusted: {exc.verify_message}", "Renew it."))
        return failed(f"the certificate {what}", advice)
    except ssl.SSLError:
        return failed(
            f"whoever listens at {host}, port {port} does not speak TLS 1.2 or later",
            "Have the proxy, or the tunnel, speak TLS there; a tunnel in TCP mode does not.",
        )
    except OSError as exc:
        return failed(
            f"no connection to {host}, port {port}: {_reason(exc)}", "Start the proxy; open the firewall."
        )
    certificate = writer.get_extra_info("peercert") or {}
    writer.transport.abort()  # nothing was said that a goodbye could end
    return judged(
        datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC), datetime.now(UTC)
    )


def judged(ends_at: datetime, now: datetime) -> Finding:
    """Say how long a certificate, good now, will be."""
    days = (ends_at - now).days
    until = f"the certificate is good until {ends_at:%Y-%m-%d}"
    if days < MIN_DAYS_LEFT:
        return warning(
            f"{until}, {max(days, 0)} days", "Renew it; find out why that does not happen by itself."
        )
    return ok(f"{until}, {days} days")


def _reason(exc: OSError) -> str:
    """The system's word for a failure, without addresses."""
    words = {
        ConnectionRefusedError: "refused",
        ConnectionResetError: "broken off",
        TimeoutError: "nobody answers",
        socket.gaierror: "the name cannot be found",
    }
    return next((word for kind, word in words.items() if isinstance(exc, kind)), type(exc).__name__)
