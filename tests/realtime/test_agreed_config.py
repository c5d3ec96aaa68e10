import pytest

from gateway.errors import LocalProtocolError
from gateway.realtime import SessionConfig
from gateway.realtime.agreed_config import AgreedConfig

FIRST = SessionConfig(instructions="Be brief.", voice="marin", speed=1.0)


def opened() -> AgreedConfig:
    """The settings of a session that was opened with the first ones."""
    config = AgreedConfig(FIRST)
    config.agree()
    return config


def test_change_is_wanted_at_once_and_leaves_the_rest() -> None:
    config = opened()

    wanted = config.change({"voice": "cedar"})

    assert wanted is config.wanted
    assert (wanted.voice, wanted.instructions, wanted.speed) == ("cedar", "Be brief.", 1.0)


@pytest.mark.parametrize("changes", [{"voices": "cedar"}, {"voice": "cedar", "speed": 9.0}])
def test_change_that_cannot_be_changes_nothing(changes: dict[str, object]) -> None:
    config = opened()

    with pytest.raises(LocalProtocolError):
        config.change(changes)

    assert config.wanted == FIRST


def test_refused_change_falls_back_to_what_was_agreed_last_not_to_what_was_first() -> None:
    config = opened()
    config.change({"instructions": "Be kind."})
    config.agreed({"instructions": "Be kind."})
    ours = config.change({"instructions": "Be rude.", "speed": 1.5})

    config.undo({"instructions": "Be rude.", "speed": 1.5}, ours)

    assert (config.wanted.instructions, config.wanted.speed) == ("Be kind.", 1.0)


def test_refused_change_leaves_fields_alone_that_have_been_changed_again_since() -> None:
    config = opened()
    ours = config.change({"instructions": "Be rude.", "speed": 1.5})
    config.change({"instructions": "Be kind."})

    config.undo({"instructions": "Be rude.", "speed": 1.5}, ours)

    assert (config.wanted.instructions, config.wanted.speed) == ("Be kind.", 1.0)


def test_change_that_is_agreed_while_another_waits_says_nothing_of_the_other() -> None:
    config = opened()
    config.change({"instructions": "Be kind."})
    ours = config.change({"speed": 1.5})
    config.agreed({"instructions": "Be kind."})

    config.undo({"speed": 1.5}, ours)

    assert (config.wanted.instructions, config.wanted.speed) == ("Be kind.", 1.0)


def test_opening_a_session_agrees_to_everything_that_is_wanted_by_then() -> None:
    config = AgreedConfig(FIRST)
    config.change({"instructions": "Be kind."})
    config.agree()
    ours = config.change({"instructions": "Be rude."})

    config.undo({"instructions": "Be rude."}, ours)

    assert config.wanted.instructions == "Be kind."


def test_reset_leaves_the_first_settings_wanted_and_agreed() -> None:
    config = opened()
    config.change({"instructions": "Be kind."})
    config.agreed({"instructions": "Be kind."})

    config.reset()

    assert config.wanted == FIRST
    config.undo({"instructions": "Be rude."}, config.change({"instructions": "Be rude."}))
    assert config.wanted == FIRST
