import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.twilio.signature import is_handshake_signed_by_twilio, is_signed_by_twilio, websocket_url

Parameters = list[tuple[str, str]]

# Twilio's own vectors (twilio-python, tests/unit/test_request_validator.py, and the page "Security").
TWILIO_TOKEN = "12345"
U = "https://mycompany.com/myapp.php?foo=1&bar=2"
P = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
REPEATED = [
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    ("Digits", "5678"),
    ("Digits", "1234"),
    ("Digits", "1234"),
]
DOCUMENTED = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+12349013030"),
    ("Digits", "1234"),
    ("From", "+12349013030"),
    ("To", "+18005551212"),
]
BODY_SHA256 = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"

# Ours, computed with RequestValidator and checked with the standard library's HMAC.
TOKEN = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
HANDSHAKE = "wss://voice.example.com/twilio/media"
HANDSHAKE_SIGNATURE = "0qSk1B99xWf80NdcqAw9nnYquXY="
HANDSHAKE_SLASH_SIGNATURE = "QJsD7CUFGu+68vw15d5H8vsX1t8="
WEBHOOK = "https://voice.example.com/twilio/voice"
WEBHOOK_SIGNATURE = "1O3KlW7RYX8UbGn2zrv2lFaGWyE="
FORM = [
    ("AccountSid", "AC" + "0" * 32),
    ("CallSid", "CA" + "1" * 32),
    ("CallStatus", "ringing"),
    ("Direction", "inbound"),
    ("From", "+15005550001"),
    ("FromCity", ""),
    ("FromState", "CA"),
    ("To", "+15005550006"),
]
FORM_WITHOUT_CITY = [pair for pair in FORM if pair[0] != "FromCity"]
STATUS = (
    "https://voice.example.com/twilio/status?tenant=acme"
    "&CallSid=CA0123456789abcdef0123456789abcdef&CallStatus=completed"
)

VECTORS = {
    "V1": (TWILIO_TOKEN, U, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    "V2": (TWILIO_TOKEN, U, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    "V3": (TWILIO_TOKEN, U.replace(".com", ".com:1234"), P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    "V4": (
        TWILIO_TOKEN,
        "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
        P,
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
    ),
    "V5": (TWILIO_TOKEN, U, P, "kvajT1Ptam85bY51eRf/AJRuM3w="),
    "V6": (TWILIO_TOKEN, U.replace("https", "http"), P, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    # Of a JSON request the signature covers the URL alone, so our endpoints take nothing but forms.
    "V7": (TWILIO_TOKEN, f"{U}&bodySHA256={BODY_SHA256}", [], "a9nBmqA0ju/hNViExpshrM61xv4="),
    "V8": (TWILIO_TOKEN, U, DOCUMENTED, "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
    "W1": (TOKEN, HANDSHAKE, [], HANDSHAKE_SIGNATURE),
    "W1s": (TOKEN, f"{HANDSHAKE}/", [], HANDSHAKE_SLASH_SIGNATURE),
    "W1h": (TOKEN, "https://voice.example.com/twilio/media", [], "P7MDkhgpqAiGfFM45awMZxxR/TE="),
    "W1p": (TOKEN, "wss://voice.example.com:443/twilio/media", [], "gejZy21GG8JBwQrJMs98q3m3Aas="),
    "W2": (TOKEN, "wss://gw.example.org/v1/stream/7f3a", [], "B/n/GDVGeDt5XHyBe9EvxanNgWo="),
    "W2s": (TOKEN, "wss://gw.example.org/v1/stream/7f3a/", [], "Nh4wSmD12uYXcaqr5OSIKBcHqY8="),
    "G1": (TOKEN, STATUS, [], "U0OPG/c5LOFB+2kZBi8ijvC8nIo="),
    "F1": (TOKEN, WEBHOOK, FORM, WEBHOOK_SIGNATURE),
    "F1x": (TOKEN, WEBHOOK, FORM_WITHOUT_CITY, "LcyqwfpJEMeTVBbR0oyF5m0k4Os="),
}
SHARED_KEY_VECTORS = {
    "S1": (TOKEN, WEBHOOK, [("CallSid", "CA" + "1" * 32)], "EURt7+aETk4iAsDtdMpOS952gnOjxQ8aXephAu+h5KQ="),
    "S2": (TOKEN, HANDSHAKE, [], "27KSN9MZXEM2mJKiyjrPVUIdLoCERWZqSFF16ppN+sU="),
}


def signed(token: str, url: str, parameters: Parameters) -> str:
    """Twilio's part, from the standard library alone: what the documentation says, written down again."""
    data = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.new(token.encode(), data.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize(("token", "url", "parameters", "signature"), VECTORS.values(), ids=VECTORS)
def test_a_known_signature_is_accepted(token: str, url: str, parameters: Parameters, signature: str) -> None:
    assert is_signed_by_twilio(url, parameters, signature, [token])


@pytest.mark.parametrize(("token", "url", "parameters", "signature"), VECTORS.values(), ids=VECTORS)
def test_a_known_signature_fits_nothing_else(
    token: str, url: str, parameters: Parameters, signature: str
) -> None:
    assert not is_signed_by_twilio(url, parameters, signature, [token + "0"])
    assert not is_signed_by_twilio(url + "x", parameters, signature, [token])
    assert not is_signed_by_twilio(url, [*parameters, ("To", "+19005550000")], signature, [token])
    assert not is_signed_by_twilio(url, parameters, signature.lower(), [token])
    assert not is_signed_by_twilio(url, parameters, signature[:-1], [token])
    assert not is_signed_by_twilio(url, parameters, f" {signature}", [token])


def test_a_blank_parameter_is_part_of_what_was_signed() -> None:
    assert not is_signed_by_twilio(WEBHOOK, FORM_WITHOUT_CITY, WEBHOOK_SIGNATURE, [TOKEN])


def test_a_form_parsed_with_blanks_kept_is_accepted() -> None:
    body = urlencode(FORM)

    assert is_signed_by_twilio(WEBHOOK, parse_qsl(body, keep_blank_values=True), WEBHOOK_SIGNATURE, (TOKEN,))
    assert not is_signed_by_twilio(WEBHOOK, parse_qsl(body), WEBHOOK_SIGNATURE, (TOKEN,))


def test_every_value_of_a_repeated_parameter_is_part_of_what_was_signed() -> None:
    last_only = list(dict(REPEATED).items())

    assert not is_signed_by_twilio(U, last_only, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", [TWILIO_TOKEN])


@pytest.mark.parametrize(
    ("url", "signed_url"),
    [
        ("https://gw.example/v", "https://gw.example:443/v"),
        ("https://gw.example:443/v", "https://gw.example/v"),
        ("https://gw.example:8443/v", "https://gw.example/v"),
        ("https://gw.example:8443/v", "https://gw.example:8443/v"),
        ("http://gw.example/v", "http://gw.example:80/v"),
        ("wss://gw.example/v", "wss://gw.example:443/v"),
        ("https://[2001:db8::1]:8443/v", "https://[2001:db8::1]/v"),
        ("https://[2001:db8::1]/v", "https://[2001:db8::1]:443/v"),
        ("https://user:pass@gw.example:8443/v", "https://user:pass@gw.example/v"),
        ("https://s/s", "https://s:443/s"),
        ("https://gw.example/v?", "https://gw.example/v?"),
        ("https://gw.example/v?q='a%20b'&a=1", "https://gw.example/v?q='a%20b'&a=1"),
    ],
)
def test_twilio_may_sign_the_url_with_or_without_port(url: str, signed_url: str) -> None:
    assert is_signed_by_twilio(url, [], signed(TOKEN, signed_url, []), [TOKEN])


@pytest.mark.parametrize(
    "signed_url",
    [
        "https://gw.example:8443/v",
        "https://gw.example:80/v",
        "http://gw.example/v",
        "https://gw.example/v/",
        "https://GW.example/v",
    ],
)
def test_any_other_spelling_of_the_url_is_refused(signed_url: str) -> None:
    assert not is_signed_by_twilio("https://gw.example/v", [], signed(TOKEN, signed_url, []), [TOKEN])


def test_each_of_several_tokens_is_accepted_while_they_rotate() -> None:
    assert is_signed_by_twilio(WEBHOOK, FORM, WEBHOOK_SIGNATURE, [TOKEN, "next"])
    assert is_signed_by_twilio(WEBHOOK, FORM, WEBHOOK_SIGNATURE, ["old", TOKEN])
    assert not is_signed_by_twilio(WEBHOOK, FORM, WEBHOOK_SIGNATURE, ["old", "next"])


def test_without_a_token_nothing_is_accepted() -> None:
    assert not is_signed_by_twilio(WEBHOOK, FORM, WEBHOOK_SIGNATURE, [])
    assert not is_signed_by_twilio(WEBHOOK, FORM, signed("", WEBHOOK, FORM), [""])
    assert not is_handshake_signed_by_twilio(HANDSHAKE, signed("", HANDSHAKE, []), [""])
    assert not is_handshake_signed_by_twilio(HANDSHAKE, HANDSHAKE_SIGNATURE, ())


@pytest.mark.parametrize(
    "signature",
    [None, "", " ", "=", "x" * 100_000, "\u00e9" * 28, "\ud800", "\x00", [], [""], ["\ud800"]],
    ids=lambda signature: ascii(signature)[:20],
)
def test_a_strange_signature_is_refused_without_an_exception(signature: str | list[str] | None) -> None:
    assert not is_signed_by_twilio(WEBHOOK, FORM, signature, [TOKEN])
    assert not is_handshake_signed_by_twilio(HANDSHAKE, signature, [TOKEN])


def test_a_signature_header_that_occurs_twice_is_refused() -> None:
    assert is_signed_by_twilio(WEBHOOK, FORM, [WEBHOOK_SIGNATURE], [TOKEN])
    assert not is_signed_by_twilio(WEBHOOK, FORM, [WEBHOOK_SIGNATURE] * 2, [TOKEN])
    assert not is_signed_by_twilio(WEBHOOK, FORM, f"{WEBHOOK_SIGNATURE}, {WEBHOOK_SIGNATURE}", [TOKEN])
    assert not is_handshake_signed_by_twilio(HANDSHAKE, ["x", HANDSHAKE_SIGNATURE], [TOKEN])


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        (WEBHOOK, [("From", "\ud800")]),
        (WEBHOOK, [("\udfff", "")]),
        (WEBHOOK + "\ud800", FORM),
        ("https://voice.example.com:99999/twilio/voice", FORM),
        ("https://voice.example.com:x/twilio/voice", FORM),
        ("https://[::1/twilio/voice", FORM),
        ("", FORM),
        ("//", FORM),
    ],
    ids=ascii,
)
def test_a_strange_request_is_refused_without_an_exception(url: str, parameters: Parameters) -> None:
    assert not is_signed_by_twilio(url, parameters, WEBHOOK_SIGNATURE, [TOKEN])
    assert not is_handshake_signed_by_twilio(url, WEBHOOK_SIGNATURE, [TOKEN])


surrogates_too = st.text(st.characters(codec=None), max_size=40)


@settings(deadline=None)
@given(surrogates_too, st.lists(st.tuples(surrogates_too, surrogates_too), max_size=4), surrogates_too)
def test_random_requests_are_refused_without_an_exception(
    url: str, parameters: Parameters, signature: str
) -> None:
    assert not is_signed_by_twilio(url, parameters, signature, [TOKEN])
    assert not is_handshake_signed_by_twilio(url, signature, [TOKEN])


form_text = st.text(max_size=20)


@settings(deadline=None)
@given(st.lists(st.tuples(form_text, form_text), max_size=6))
def test_whatever_twilio_signs_is_accepted(parameters: Parameters) -> None:
    assert is_signed_by_twilio(WEBHOOK, parameters, signed(TOKEN, WEBHOOK, parameters), [TOKEN])


@pytest.mark.parametrize("signature", [HANDSHAKE_SIGNATURE, HANDSHAKE_SLASH_SIGNATURE, VECTORS["W1p"][3]])
@pytest.mark.parametrize("url", [HANDSHAKE, f"{HANDSHAKE}/"])
def test_a_handshake_may_be_signed_with_or_without_slash_and_port(url: str, signature: str) -> None:
    assert is_handshake_signed_by_twilio(url, signature, ["old", TOKEN])


@pytest.mark.parametrize("vector", ["W1h", "W2", "W2s", "F1", "G1"])
def test_a_signature_of_another_url_opens_no_stream(vector: str) -> None:
    assert not is_handshake_signed_by_twilio(HANDSHAKE, VECTORS[vector][3], [TOKEN])


@pytest.mark.parametrize(
    ("public_url", "url"),
    [
        ("https://voice.example.com", HANDSHAKE),
        ("https://voice.example.com/", HANDSHAKE),
        ("https://voice.example.com:8443", "wss://voice.example.com:8443/twilio/media"),
        ("https://example.com/voice/", "wss://example.com/voice/twilio/media"),
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/twilio/media"),
    ],
)
def test_the_stream_has_the_web_socket_spelling_of_the_public_url(public_url: str, url: str) -> None:
    assert websocket_url(public_url, "/twilio/media") == url


@pytest.mark.parametrize(
    ("token", "url", "parameters", "signature"), SHARED_KEY_VECTORS.values(), ids=SHARED_KEY_VECTORS
)
def test_a_shared_key_signs_with_sha_256_and_only_where_that_is_configured(
    token: str, url: str, parameters: Parameters, signature: str
) -> None:
    assert is_signed_by_twilio(url, parameters, signature, [token], algorithm="HMAC_SHA256")
    assert not is_signed_by_twilio(url, parameters, signature, [token])
    assert not is_signed_by_twilio(
        url, parameters, signed(token, url, parameters), [token], algorithm="HMAC_SHA256"
    )


def test_a_handshake_can_be_signed_with_a_shared_key() -> None:
    signature = SHARED_KEY_VECTORS["S2"][3]

    assert is_handshake_signed_by_twilio(HANDSHAKE, signature, [TOKEN], algorithm="HMAC_SHA256")
    assert not is_handshake_signed_by_twilio(HANDSHAKE, signature, [TOKEN])
