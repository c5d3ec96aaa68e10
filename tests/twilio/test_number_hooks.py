import pytest

from gateway.twilio.number_hooks import Change, NumberHooks, changes, leads_to, shown, wanted_hooks

PUBLIC_URL = "https://voice.example.com"
VOICE = f"{PUBLIC_URL}/twilio/voice#ct=2000&rt=3000&rc=2&rp=5xx,ct,rt"
SET_UP = NumberHooks(
    voice_url=VOICE,
    voice_method="POST",
    voice_fallback_url=f"{PUBLIC_URL}/twilio/fallback",
    voice_fallback_method="POST",
    status_callback=f"{PUBLIC_URL}/twilio/status",
    status_callback_method="POST",
)


def test_a_bare_number_gets_all_addresses_and_nothing_else() -> None:
    bare = NumberHooks.of({"voice_url": None, "voice_method": "POST", "trunk_sid": None, "friendly_name": 7})

    assert wanted_hooks(bare, PUBLIC_URL) == SET_UP


def test_a_number_that_is_set_up_needs_no_change() -> None:
    assert changes(SET_UP, wanted_hooks(SET_UP, PUBLIC_URL)) == ()


def test_all_tries_together_fit_into_what_twilio_waits() -> None:
    given = dict(each.split("=") for each in VOICE.partition("#")[2].split("&"))

    assert (1 + int(given["rc"])) * (int(given["ct"]) + int(given["rt"])) <= 15_000
    assert 100 <= int(given["ct"]) <= 10_000
    assert set(given["rp"].split(",")) <= {"4xx", "5xx", "ct", "rt"}


@pytest.mark.parametrize("name", ["voice_application_sid", "trunk_sid"])
def test_what_overrides_the_addresses_is_taken_away(name: str) -> None:
    has = NumberHooks.of({**vars(SET_UP), name: "XX1"})

    assert changes(has, wanted_hooks(has, PUBLIC_URL)) == (Change(name, "XX1", ""),)


def test_the_operators_own_overrides_and_fallback_are_kept() -> None:
    has = NumberHooks.of(
        {
            **vars(SET_UP),
            "voice_url": f"{PUBLIC_URL}/twilio/voice#e=dublin",
            "voice_fallback_url": "https://handler.example.net/bin",
            "voice_fallback_method": "GET",
        }
    )

    assert changes(has, wanted_hooks(has, PUBLIC_URL)) == ()


def test_an_old_path_of_ours_as_fallback_is_replaced() -> None:
    has = NumberHooks.of({**vars(SET_UP), "voice_fallback_url": f"{PUBLIC_URL}/old"})

    (change,) = changes(has, wanted_hooks(has, PUBLIC_URL))
    assert change.new == f"{PUBLIC_URL}/twilio/fallback"


def test_a_fallback_that_is_named_replaces_any_other() -> None:
    named = "https://elsewhere.example.net/twiml"
    assert wanted_hooks(SET_UP, PUBLIC_URL, named).voice_fallback_url == named

    has = NumberHooks.of({**vars(SET_UP), "voice_fallback_url": named, "voice_fallback_method": "GET"})
    assert changes(has, wanted_hooks(has, PUBLIC_URL, named)) == ()


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("https://voice.example.com/anything", True),
        ("https://voice.example.com:443/twilio/voice", True),
        ("https://VOICE.example.com/", True),
        ("http://voice.example.com/twilio/voice", True),
        ("https://voice.example.com:8443/", False),
        ("https://voice.example.com.evil.example/", False),
        ("", False),
        ("https://[voice", False),
        ("https://voice.example.com:port/", False),
    ],
)
def test_an_address_leads_here_by_its_host_and_port(url: str, is_ours: bool) -> None:
    assert leads_to(url, PUBLIC_URL) is is_ours


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (VOICE, VOICE),
        ("", ""),
        (
            "https://user:canary@old.example.com/a?token=canary&b=#rc=1",
            "https://user:…@old.example.com/a?token=…&b=…#rc=1",
        ),
        ("https://canary@[bad/", "an address that cannot be read"),
        ("https://old.example.com/\x1b[31mred", "https://old.example.com/[31mred"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, words: str) -> None:
    assert shown(url) == words


def test_an_address_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError):
        NumberHooks.of({"voice_url": 7})
