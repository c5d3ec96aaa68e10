from pathlib import Path

from tests.cli.test_demo import gateway


def test_captures_folder_that_cannot_be_written_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = gateway(
        "serve",
        PUBLIC_URL="https://voice.example.com",
        TWILIO_AUTH_TOKEN="one",
        PORT="0",
        CAPTURES_DIR=str(tmp_path / "file" / "captures"),
    )

    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("CAPTURES_DIR: ")
