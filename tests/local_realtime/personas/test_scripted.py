import json
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.local_realtime import Answer, ScriptedPersona, ToolCall, Turn
from gateway.local_realtime.personas import parse_script, read_script
from gateway.local_realtime.personas.script import MAX_BYTES
from tests.local_realtime.personas.phone import Phone

SCRIPT = """
[[turn]]
says = "Hello."
delay = 0.5

[[turn]]
hears = "(weather|rain)"
says = "Let me look."
calls = [{name = "weather", arguments = {city = "Zürich", days = 2}}, {name = "time"}]

[[turn]]
says = "Go on."

[[turn]]
hears = "help"
repeat = true
says = "No."
"""


def heard(words: str) -> Turn:
    return Turn("speech", words, "")


def answers(persona: ScriptedPersona, *said: str) -> list[str]:
    return [persona.answer(heard(words)).text for words in said]


def test_turns_come_in_order_with_their_calls_and_delays() -> None:
    persona = ScriptedPersona.from_text(SCRIPT)
    assert persona.answer(Turn("nothing", "", "")) == Answer("Hello.", (), 0.5)
    looked = persona.answer(heard("Will it RAIN?"))
    assert (looked.text, looked.delay, looked.calls[1]) == ("Let me look.", None, ToolCall("time", "{}"))
    assert json.loads(looked.calls[0].arguments) == {"city": "Zürich", "days": 2}


def test_a_turn_that_hears_its_words_comes_first_and_once() -> None:
    persona = ScriptedPersona.from_text(SCRIPT)
    said = answers(persona, "rain", "rain", "help", "x", "help", "x", "rain")
    assert said == ["Let me look.", "Hello.", "No.", "Go on.", "No.", "", ""]


def test_a_script_that_loops_starts_again() -> None:
    persona = ScriptedPersona.from_text('loop = true\n[[turn]]\nsays = "a"\n[[turn]]\nsays = "b"\n')
    assert answers(persona, *5 * [""]) == ["a", "b", "a", "b", "a"]


def test_a_loop_without_a_turn_that_fits_says_nothing() -> None:
    persona = ScriptedPersona.from_text('loop = true\n[[turn]]\nsays = "a"\nhears = "x"\n')
    assert answers(persona, "y", "x", "x", "y") == ["", "a", "a", ""]


def test_one_script_serves_many_sessions(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    script = read_script(path)
    assert answers(ScriptedPersona(script), "x", "x") == answers(ScriptedPersona(script), "x", "x")
    assert answers(ScriptedPersona.from_file(path), "x") == ["Hello."]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "s.toml: there must be at least one [[turn]]"),
        ("turn = 1", "s.toml: there must be at least one [[turn]]"),
        ("a = \n", "s.toml: is not TOML: Invalid value (at line 1, column 5)"),
        ("lop = true\n[[turn]]\nsays = ''", 's.toml: unknown key "lop"; did you mean "loop"?'),
        ("loop = 1\n[[turn]]\nsays = ''", "s.toml: loop must be true or false"),
        ("[[turn]]\nsays = ''\n[[turn]]\nsay = 'x'\nsays = ''", 's.toml: turn 2: unknown key "say"; did you mean "says"?'),
        ("[[turn]]\nsays = ''\nzzz = 1", 's.toml: turn 1: unknown key "zzz"; there are says, calls, delay, hears, repeat'),
        ("[[turn]]\ndelay = 1", 's.toml: turn 1: has neither "says" nor "calls"; says = "" is silence'),
        ("[[turn]]\nsays = 1", "s.toml: turn 1: says must be text"),
        ("[[turn]]\nsays = ''\ndelay = -1", "s.toml: turn 1: delay must be seconds, from 0 to 600"),
        ("[[turn]]\nsays = ''\ndelay = nan", "s.toml: turn 1: delay must be seconds, from 0 to 600"),
        ("[[turn]]\nsays = ''\ndelay = true", "s.toml: turn 1: delay must be seconds, from 0 to 600"),
        ("[[turn]]\nsays = ''\nhears = 1", "s.toml: turn 1: hears must be a regular expression"),
        ("[[turn]]\nsays = ''\nrepeat = true", "s.toml: turn 1: repeat is for a turn with hears"),
        ("[[turn]]\nsays = ''\nrepeat = 1", "s.toml: turn 1: repeat must be true or false"),
        ("[[turn]]\ncalls = {}", "s.toml: turn 1: calls must be a list of tables"),
        ("[[turn]]\ncalls = [1]", "s.toml: turn 1: calls 1: must be a table with name and arguments"),
        ("[[turn]]\ncalls = [{name = 'a'}, {}]", "s.toml: turn 1: calls 2: name must be the name of a tool"),
        ("[[turn]]\ncalls = [{name = 'a', value = {}}]", 's.toml: turn 1: calls 1: unknown key "value"; there are name, arguments'),
        ("[[turn]]\ncalls = [{name = 'a', arguments = 1}]", "s.toml: turn 1: calls 1: arguments must be a table"),
        (
            "[[turn]]\ncalls = [{name = 'a', arguments = {d = 2026-01-01}}]",
            "s.toml: turn 1: calls 1: arguments cannot be written as JSON",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_place(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_script(text, name="s.toml")
    assert str(caught.value) == complaint


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_script("[[turn]]\nsays = 1\nhears = '('\n[[turn]]\n")
    says, hears, empty = str(caught.value).splitlines()
    assert (says, empty[:14]) == ("script: turn 1: says must be text", "script: turn 2")
    assert hears.startswith("script: turn 1: hears is no regular expression: missing )")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        read_script(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml: is not UTF-8 text"):
        read_script(binary)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match=r"large\.toml: is larger than 1 MiB"):
        read_script(large)
    with pytest.raises(SettingsError, match=r"script: is larger than 1 MiB"):
        parse_script("#" * (MAX_BYTES + 1))


def test_a_script_does_not_start_again_at_the_output_of_its_own_call() -> None:
    script = """
        loop = true
        [[turn]]
        hears = "order"
        says = "One moment."
        calls = [{ name = "order_status", arguments = { order_number = "4712" } }]
    """
    phone = Phone(ScriptedPersona.from_text(script))
    assert phone.say("my order") == "One moment."
    assert phone.say("my order") == "One moment."
    assert len(phone.calls) == 2
