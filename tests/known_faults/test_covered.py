import ast
import re
from pathlib import Path

import pytest

from tests.known_faults import PROVED

ROOT = Path(__file__).parents[2]
N_FAULTS = 36
NUMBERS = re.compile(r"Faults? (\d+(?:, \d+)*)[.:]")


def docstrings_of_tests(path: Path) -> dict[str, str]:
    """The tests of a module by name, with their docstrings."""
    functions = [each for each in ast.parse(path.read_text()).body if isinstance(each, ast.FunctionDef)]
    return {each.name: ast.get_docstring(each) or "" for each in functions if each.name.startswith("test_")}


def shown_here() -> set[int]:
    """The faults of which a test of this package says that it shows them to be absent."""
    paths = Path(__file__).parent.glob("test_*.py")
    found = [NUMBERS.match(text) for path in paths for text in docstrings_of_tests(path).values()]
    return {int(number) for each in found if each for number in each[1].split(", ")}


def test_every_fault_is_shown_to_be_absent_by_a_test_here_or_elsewhere() -> None:
    assert shown_here() | set(PROVED) == set(range(1, N_FAULTS + 1))


@pytest.mark.parametrize("node_id", sorted({each for node_ids in PROVED.values() for each in node_ids}))
def test_test_elsewhere_that_is_relied_on_exists(node_id: str) -> None:
    path, _, name = node_id.partition("::")
    assert name in docstrings_of_tests(ROOT / path)
