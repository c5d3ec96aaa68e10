import io
import json
import re
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gateway.cli.doctor_view import DoctorView
from gateway.doctor.check import Check, Finding, failed, ok
from tests.doctor.places import NUMBER, command, deployed, gateway_command
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN
from tests.gateways import run

NAMES = [
    *("settings", "address", "certificate", "webhook", "media stream", "call"),
    *("clock", "model", "account", "numbers", "open files", "disk"),
]


def outcomes(done: CompletedProcess[str]) -> dict[str, str]:
    report = json.loads(done.stdout)
    return {each["name"]: each["outcome"] for each in report["checks"]}


def words(done: CompletedProcess[str], name: str) -> str:
    checks = json.loads(done.stdout)["checks"]
    return next(str(each["what"]) for each in checks if each["name"] == name)


def test_a_gateway_that_answers_its_number_is_found_well_behind_its_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with deployed(tmp_path, captures_dir=tmp_path / "captures") as at:
            at.twilio.account.add_number(NUMBER)
            environment = {**at.environment, "CAPTURES_DIR": str(tmp_path / "captures")}
            done = await command("setup", NUMBER, "--yes", folder=tmp_path, **environment)
            assert (done.returncode, done.stderr) == (0, "")
            done = await command("doctor", "--json", folder=tmp_path, **environment)

            assert (done.returncode, done.stderr) == (0, "")
            assert list(outcomes(done)) == NAMES
            doubted = {name for name, outcome in outcomes(done).items() if outcome != "ok"}
            assert doubted <= {"address", "disk"}  # it is this machine, whose disk may be nearly full
            assert len(list((tmp_path / "captures").iterdir())) == 1
            assert at.gateway.gateway.active_calls.n_taken(0.0) == 0

    run(scenario(), seconds=90.0)


def test_fix_puts_the_number_right_after_asking_and_looks_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with deployed(tmp_path) as at:
            number = at.twilio.account.add_number(NUMBER, trunk_sid="TK" + 32 * "1")
            refused = await command("doctor", "--fix", folder=tmp_path, answer="n\n", **at.environment)
            assert refused.returncode == 1
            assert "Nothing was written." in refused.stdout
            assert number["trunk_sid"]

            done = await command("doctor", "--fix", folder=tmp_path, answer="y\n", **at.environment)
            assert done.returncode == 0, done.stdout
            assert f"{NUMBER}: written and read back" in done.stdout
            assert re.search(rf"^failed +numbers +{re.escape(NUMBER)}: trunk TK", done.stdout, re.MULTILINE)
            assert re.search(rf"^ok +numbers +{re.escape(NUMBER)} leads here$", done.stdout, re.MULTILINE)
            assert not number["trunk_sid"]

    run(scenario(), seconds=90.0)


def test_wrong_secrets_are_found_by_the_checks_that_they_concern_and_are_not_shown(tmp_path: Path) -> None:
    async def scenario() -> CompletedProcess[str]:
        async with deployed(tmp_path) as at:
            wrong = {
                **at.environment,
                "TWILIO_AUTH_TOKEN": "canary-other",
                "REALTIME_API_KEY": "canary-wrong",
            }
            return await command("doctor", "--json", folder=tmp_path, **wrong)

    done = run(scenario(), seconds=60.0)

    found = outcomes(done)
    assert done.returncode == 1
    assert "canary" not in done.stdout + done.stderr
    assert {name for name, outcome in found.items() if outcome == "failed"} == {
        "webhook",
        "model",
        "account",
        "numbers",
    }
    assert found["call"] == "skipped"
    assert "invalid_api_key" in words(done, "model")


def test_a_certificate_that_is_not_trusted_fails_and_the_rest_is_looked_at_all_the_same(
    tmp_path: Path,
) -> None:
    async def scenario() -> CompletedProcess[str]:
        async with deployed(tmp_path) as at:
            at.twilio.account.add_number(NUMBER)
            untrusted = {name: value for name, value in at.environment.items() if name != "SSL_CERT_FILE"}
            return await command("doctor", "--json", folder=tmp_path, **untrusted)

    done = run(scenario(), seconds=60.0)

    found = outcomes(done)
    assert found["certificate"] == found["webhook"] == found["media stream"] == "failed"
    assert found["call"] == "skipped"
    assert found["clock"] == found["account"] == found["model"] == "ok"


def test_with_neither_network_nor_login_nor_gateway_each_check_says_so(tmp_path: Path) -> None:
    done = gateway_command(
        "doctor", "--json", folder=tmp_path, PUBLIC_URL="https://voice.invalid", TWILIO_AUTH_TOKEN=AUTH_TOKEN,
        TWILIO_API_URL="http://127.0.0.1:1", REALTIME_URL="ws://127.0.0.1:1/v1/realtime",
    )  # fmt: skip

    assert done.returncode == 1
    assert outcomes(done) == {
        **dict.fromkeys(("settings", "open files"), "ok"),
        **dict.fromkeys(("address", "model"), "failed"),
        **dict.fromkeys(
            ("certificate", "webhook", "media stream", "call", "clock", "account", "numbers", "disk"),
            "skipped",
        ),
    }
    assert words(done, "account") == "TWILIO_ACCOUNT_SID is not set"


def test_a_twilio_that_cannot_be_reached_fails_its_own_checks(tmp_path: Path) -> None:
    done = gateway_command(
        "doctor", "--json", folder=tmp_path, PUBLIC_URL="https://voice.invalid", TWILIO_AUTH_TOKEN=AUTH_TOKEN,
        TWILIO_ACCOUNT_SID=ACCOUNT_SID, TWILIO_API_URL="http://127.0.0.1:1",
    )  # fmt: skip

    assert words(done, "account") == words(done, "numbers") == "Twilio cannot be reached"
    assert outcomes(done)["model"] == "warning"  # the embedded server answers


def test_without_any_settings_the_machine_is_still_looked_at(tmp_path: Path) -> None:
    done = gateway_command("doctor", folder=tmp_path)

    assert (done.returncode, done.stderr) == (1, "")
    assert "PUBLIC_URL: is required" in done.stdout
    assert re.search(
        r"^skipped +webhook +not looked at, because of PUBLIC_URL, TWILIO_AUTH_TOKEN$",
        done.stdout,
        re.MULTILINE,
    )
    assert re.search(r"^ok +open files ", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ok: ")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--number", "12"], ["--number: '12' is not a number such as +15551234567 (E.164)"]),
        (["--yes"], ["--yes: goes with --fix"]),
        (["--json", "--fix"], ["--json: with --fix needs --yes, for it asks nothing"]),
    ],
)
def test_misuse_is_a_line_and_exit_code_2(tmp_path: Path, arguments: list[str], lines: list[str]) -> None:
    done = gateway_command("doctor", *arguments, folder=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", lines)


def test_on_a_terminal_a_table_fills_while_checks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)

    async def never() -> Finding:
        return ok("")

    checks = [Check("clock", never), Check("model", never)]
    view = DoctorView(as_json=False)
    with view.live(checks):
        view.tell(checks[0], ok("within a second"))
        view.tell(checks[1], failed("no session", "Correct the key."))
    view.show_summary()

    plain: Any = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue())
    assert "\x1b[32mok" in shown.getvalue()
    rows = [line.split() for line in plain.splitlines() if line.strip()]
    assert rows[-4:] == [
        ["ok", "clock", "within", "a", "second"],
        ["failed", "model", "no", "session"],
        ["→", "Correct", "the", "key."],
        ["ok:", "1,", "failed:", "1"],
    ]
