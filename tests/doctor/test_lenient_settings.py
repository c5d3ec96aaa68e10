from pathlib import Path

import pytest

from gateway.doctor.lenient_settings import read_settings
from gateway.settings import Settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_settings_without_mistakes_are_as_the_gateway_reads_them(tmp_path: Path) -> None:
    Path(".env").write_text(
        "PUBLIC_URL=https://voice.example.com\nTWILIO_AUTH_TOKEN=one\nAGENTS_FILE=agents.toml\n"
    )
    Path("agents.toml").write_text('[agents.desk]\ninstructions = "Help."\n')
    read = read_settings()

    assert (read.mistakes, read.unusable) == ((), frozenset())
    assert read.finding().outcome == "ok"
    assert read.agents is not None
    assert list(read.agents.agents) == ["desk"]


def test_without_any_settings_the_rest_can_still_be_read() -> None:
    read = read_settings()

    assert read.finding().outcome == "failed"
    assert read.mistakes == ("PUBLIC_URL: is required", "TWILIO_AUTH_TOKEN: is required")
    assert read.unusable == {"PUBLIC_URL", "TWILIO_AUTH_TOKEN"}
    assert read.settings.max_calls == 50


def test_only_what_is_wrong_is_left_out_and_each_mistake_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "PUBLIC_URL=ftp://x\nTWILIO_AUTH_TOKEN=one\nMAX_CALLS=none\nTYPO=1\nTWILIO_API_KEY_SECRET=canary\nPORT=81\n"
    )
    read = read_settings()

    assert [line.partition(":")[0] for line in read.mistakes] == [
        "PUBLIC_URL",
        "TWILIO_API_KEY_SECRET",
        "MAX_CALLS",
        "TYPO",
    ]
    assert read.unusable == {"PUBLIC_URL", "TWILIO_API_KEY_SECRET", "MAX_CALLS"}
    assert (read.settings.port, read.settings.max_calls) == (81, 50)
    assert read.settings.auth_tokens == ("one",)
    assert "canary" not in repr(read.mistakes)


@pytest.mark.parametrize(
    ("name", "value", "unusable"),
    [
        (
            "REALTIME_PROVIDER",
            "azure",
            {"REALTIME_PROVIDER", "REALTIME_URL", "REALTIME_MODEL", "REALTIME_API_KEY"},
        ),
        ("REALTIME_PROVIDER", "xai", {"REALTIME_PROVIDER", "REALTIME_API_KEY"}),
        ("TWILIO_API_KEY_SID", "SK" + 32 * "a", {"TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET"}),
        ("TWILIO_REGION", "ie1", {"TWILIO_REGION", "TWILIO_EDGE"}),
    ],
)
def test_a_setting_that_lacks_its_partner_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, unusable: set[str]
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://voice.example.com")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "one")
    monkeypatch.setenv(name, value)
    read = read_settings()

    assert read.finding().outcome == "failed"
    assert read.unusable == unusable
    assert read.settings.public_url == "https://voice.example.com"


def test_a_file_that_is_no_text_is_told_of_and_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_bytes(b"PUBLIC_URL=\xff\xfe")
    monkeypatch.setenv("PUBLIC_URL", "https://voice.example.com")
    read = read_settings()

    assert read.mistakes == (".env: not UTF-8",)
    assert read.settings.public_url == "https://voice.example.com"
    assert read.unusable == {"TWILIO_AUTH_TOKEN"}


def test_mistakes_of_the_agents_file_are_told() -> None:
    Path(".env").write_text(
        "PUBLIC_URL=https://voice.example.com\nTWILIO_AUTH_TOKEN=one\nAGENTS_FILE=agents.toml\n"
    )
    read = read_settings()

    assert read.mistakes == ("agents.toml: cannot be read: No such file or directory",)
    assert read.unusable == {"AGENTS_FILE"}
    assert read.agents is None
