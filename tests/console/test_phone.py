"""The softphone's page and files: who gets them, and with which headers."""

import aiohttp
import pytest

from gateway.app import Gateway
from gateway.console.outcomes import SENTENCES, WHY
from gateway.ending import ENDINGS
from gateway.errors import SettingsError
from gateway.loadtest.steps import REASONS
from gateway.settings import Settings
from tests.console.phones import phoning
from tests.fakes import FakeRealtimeServer
from tests.gateways import AUTH_TOKEN, PUBLIC_URL, run, running


def fetch(path: str, host: str = "", *, phone: bool = True) -> tuple[int, dict[str, str], str]:
    async def scenario() -> tuple[int, dict[str, str], str]:
        async with FakeRealtimeServer() as model:
            serving = phoning if phone else running
            async with serving(realtime_url=model.url) as at, aiohttp.ClientSession() as http:
                headers = {"Host": host} if host else {}
                async with http.get(f"http://127.0.0.1:{at.port}{path}", headers=headers) as response:
                    return response.status, dict(response.headers), await response.text()

    return run(scenario())


def test_page_allows_no_script_but_its_own_and_names_no_secret() -> None:
    status, headers, text = fetch("/phone")

    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "style=" not in text
    assert AUTH_TOKEN not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/phone/static/phone.js", 200),
        ("/phone/static/phone.css", 200),
        ("/phone/static/none.js", 404),
        ("/phone/static/..%2Fphone.py", 404),
    ],
)
def test_only_the_page_s_own_files_are_given_out(path: str, status: int) -> None:
    assert fetch(path)[0] == status


def test_page_is_not_given_out_under_a_foreign_name() -> None:
    assert fetch("/phone", "evil.example")[0] == 404


def test_gateway_in_production_has_no_softphone() -> None:
    assert fetch("/phone", phone=False)[0] == 404


@pytest.mark.parametrize(
    "given", [{"host": "0.0.0.0", "public_url": "http://127.0.0.1:8000"}, {"public_url": PUBLIC_URL}]
)
def test_softphone_is_not_to_be_had_from_other_machines(given: dict[str, str]) -> None:
    settings = Settings(_env_file=None, twilio_auth_token=AUTH_TOKEN, **given)  # type: ignore[call-arg, arg-type]

    with pytest.raises(SettingsError, match="softphone"):
        Gateway(settings, phone=True)


def test_every_way_a_call_can_end_has_a_sentence() -> None:
    assert set(SENTENCES) == set(REASONS)
    assert set(WHY) == {ending.reason for ending in ENDINGS} - {"hangup"}
