import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.doctor.places import NUMBER, command, gateway_command
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, FakeTwilioRest, Raw, Refuse
from tests.gateways import run
from tests.twilio.test_number_hooks import PUBLIC_URL, SET_UP

OTHER = "+15005550007"
ENVIRONMENT = {"PUBLIC_URL": PUBLIC_URL, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_ACCOUNT_SID": ACCOUNT_SID}


@contextlib.asynccontextmanager
async def api(**options: Any) -> AsyncIterator[FakeTwilioRest]:
    async with FakeTwilioRest(**options) as twilio:
        yield twilio
        assert twilio.faults == []


async def setup(
    twilio: FakeTwilioRest, *arguments: str, folder: Path, answer: str = "", **environment: str
) -> CompletedProcess[str]:
    settings = {**ENVIRONMENT, "TWILIO_API_URL": twilio.url, **environment}
    return await command("setup", *arguments, folder=folder, answer=answer, **settings)


def n_writes(twilio: FakeTwilioRest) -> int:
    return sum(each.method == "POST" for each in twilio.requests)


def test_what_changes_is_shown_then_asked_about_then_written_and_read_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            old = "https://user:canary-password@old.example.com/v?token=canary-token"
            number = twilio.account.add_number(NUMBER, voice_url=old, voice_method="GET")
            done = await setup(twilio, NUMBER, folder=tmp_path, answer="y\n")

            assert (done.returncode, done.stderr) == (0, "")
            assert {name: number[name] or "" for name in vars(SET_UP)} == vars(SET_UP)
            rows = {tuple(line.split()) for line in done.stdout.splitlines()}
            assert (
                "voice", "URL", "https://user:…@old.example.com/v?token=…", SET_UP.voice_url
            ) in rows  # fmt: skip
            assert ("voice", "method", "GET", "POST") in rows
            assert f"{NUMBER}: written and read back" in done.stdout
            assert "canary" not in done.stdout
            assert [each.method for each in twilio.requests] == ["GET", "POST", "GET"]

            again = await setup(twilio, NUMBER, folder=tmp_path)
            assert (again.returncode, again.stdout) == (0, f"{NUMBER}: is set up already\n")

    run(scenario(), seconds=60.0)


@pytest.mark.parametrize(
    ("arguments", "answer", "code"), [(["--dry-run"], "y\n", 0), ([], "n\n", 1), ([], "", 1)]
)
def test_nothing_is_written_without_a_yes(
    tmp_path: Path, arguments: list[str], answer: str, code: int
) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.account.add_number(NUMBER)
            done = await setup(twilio, NUMBER, *arguments, folder=tmp_path, answer=answer)

            assert done.returncode == code
            assert SET_UP.status_callback in done.stdout
            assert n_writes(twilio) == 0

    run(scenario(), seconds=60.0)


def test_several_numbers_get_a_fallback_at_another_place_with_an_api_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api(username="SK" + 32 * "b", password="canary-secret") as twilio:
            numbers = [twilio.account.add_number(each) for each in (NUMBER, OTHER)]
            done = await setup(
                twilio, NUMBER, OTHER, NUMBER, "--yes", "--fallback-url", "https://backup.example.net/t",
                folder=tmp_path, TWILIO_API_KEY_SID="SK" + 32 * "b", TWILIO_API_KEY_SECRET="canary-secret",
            )  # fmt: skip

            assert done.returncode == 0, done.stderr
            assert "canary-secret" not in done.stdout
            assert [each["voice_fallback_url"] for each in numbers] == ["https://backup.example.net/t"] * 2
            assert n_writes(twilio) == 2

    run(scenario(), seconds=60.0)


def test_a_number_of_somebody_else_is_refused_with_the_accounts_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.account.add_number(NUMBER)
            done = await setup(twilio, NUMBER, OTHER, "--yes", folder=tmp_path)

            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == f"{OTHER}: is none of the account's numbers; those are: {NUMBER}\n"
            assert n_writes(twilio) == 0

    run(scenario(), seconds=60.0)


def test_what_twilio_did_not_keep_is_told_and_fails(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.account.add_number(NUMBER)
            twilio.account.forgets = {"voice_url"}
            done = await setup(twilio, NUMBER, "--yes", folder=tmp_path)

            assert done.returncode == 1
            assert f"{NUMBER}: written, but Twilio still has another voice_url" in done.stdout

    run(scenario(), seconds=60.0)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Refuse(401, 20003)], "the credentials are wrong or lack a permission (status 401, code 20003)"),
        ([Refuse(429, 20429)] * 2, "too many requests"),
        ([Raw(503)] * 2, "Twilio has trouble (status 503)"),
    ],
)
def test_a_twilio_that_does_not_answer_is_a_line_and_exit_code_1(
    tmp_path: Path, steps: list[Any], words: str
) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.script.extend(steps)
            done = await setup(twilio, NUMBER, "--yes", folder=tmp_path)

            assert (done.returncode, done.stdout) == (1, "")
            assert words in done.stderr
            assert len(done.stderr.splitlines()) == 1

    run(scenario(), seconds=60.0)


def test_every_mistake_is_a_line_before_twilio_is_asked(tmp_path: Path) -> None:
    done = gateway_command(
        "setup", "911", "--fallback-url", "http://x", folder=tmp_path, PUBLIC_URL="http://127.0.0.1:8000",
        TWILIO_AUTH_TOKEN=AUTH_TOKEN,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "'911': is not a number such as +15551234567 (E.164)",
        "TWILIO_ACCOUNT_SID: is required to set up a number",
        "PUBLIC_URL: must be https, for Twilio to reach it",
        "--fallback-url: must be an https address",
    ]
