import pytest

from gateway.realtime.ids import generate_id


@pytest.mark.parametrize(("prefix", "length"), [("evt_", 21), ("item_", 32), ("", 1)])
def test_id_has_its_prefix_and_the_length_in_all(prefix: str, length: int) -> None:
    made = generate_id(prefix, length)

    assert made.startswith(prefix)
    assert len(made) == length


def test_id_is_21_characters_of_base_58_unless_told() -> None:
    made = generate_id("item_")

    assert len(made) == 21
    assert not set(made.removeprefix("item_")) & set("0OIl_-")
    assert made.removeprefix("item_").isalnum()


def test_ids_made_in_the_same_millisecond_differ() -> None:
    assert len({generate_id("evt_") for _ in range(2000)}) == 2000
