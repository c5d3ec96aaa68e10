"""The softphone's sound, in JavaScript, by node's own test runner."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from tests.console.browsers import needed
from voice_codecs import mulaw_decode, mulaw_encode

FOLDER = Path(__file__).parent
STATIC = FOLDER.parents[1] / "gateway" / "console" / "static"


def test_sound_in_the_page_is_that_of_a_telephone(tmp_path: Path) -> None:
    # node must be told that these are modules, which a package.json in the package would do for it alone.
    shutil.copytree(STATIC, tmp_path / "gateway" / "console" / "static")
    shutil.copytree(
        FOLDER, tmp_path / "tests" / "console", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    tables = tmp_path / "g711.json"
    every_sample = np.arange(-32768, 32768).astype(np.int16)
    decode, encode = mulaw_decode(bytes(range(256))), mulaw_encode(every_sample)
    tables.write_text(json.dumps({"decode": decode.tolist(), "encode": list(encode)}))

    done = subprocess.run(
        [needed("node"), "--expose-gc", "--test", *map(str, sorted(tmp_path.rglob("*.test.mjs")))],
        env={**os.environ, "G711_TABLES": str(tables)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    (n_passed,) = re.findall(r"pass (\d+)$", done.stdout, re.MULTILINE)
    assert int(n_passed) >= 36
