from gateway.disk.backlog import MAX_BYTES, Backlog

KIB = 1024
ROOM = MAX_BYTES // KIB


def test_items_are_taken_in_their_order_and_no_more_than_are_asked_for() -> None:
    backlog: Backlog[int] = Backlog()
    for each in range(5):
        assert backlog.put(each, 1)

    assert (backlog.take(3), backlog.take(3), backlog.take(3)) == ([0, 1, 2], [3, 4], [])


def test_what_there_is_no_room_for_is_refused_until_something_was_taken() -> None:
    backlog: Backlog[str] = Backlog()

    assert [backlog.put("", KIB) for _ in range(ROOM + 2)] == [True] * ROOM + [False] * 2

    assert len(backlog.take(3)) == 3
    assert [backlog.put("", KIB) for _ in range(4)] == [True] * 3 + [False]
