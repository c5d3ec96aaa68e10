from pathlib import Path

import pytest

from gateway.loadtest.options import OptionError
from gateway.loadtest.secret import read_auth_token, read_secret


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    return tmp_path


def test_first_of_several_tokens_signs(folder: Path) -> None:
    (folder / ".env").write_text("TWILIO_AUTH_TOKEN=new , old\n")

    assert read_auth_token() == "new"


def test_no_token_is_told_by_its_name() -> None:
    assert read_secret("OTHER") == ""
    with pytest.raises(OptionError, match="OTHER: is required"):
        read_auth_token("OTHER")


def test_file_in_another_encoding_is_one_line(folder: Path) -> None:
    (folder / ".env").write_bytes(b"TWILIO_AUTH_TOKEN=\xff\n")

    with pytest.raises(OptionError, match=r"\.env: not UTF-8"):
        read_auth_token()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that even root cannot read")
def test_file_that_cannot_be_read_is_one_line(folder: Path) -> None:
    (folder / ".env").symlink_to("/proc/self/mem")

    with pytest.raises(OptionError, match=r"\.env: cannot be read"):
        read_auth_token()
