from gateway.captures.backlog import MAX_BYTES, OVERHEAD, Backlog, Captured

FRAME = Captured("twilio", b"x" * (1024 - OVERHEAD), 1.0)
ROOM = MAX_BYTES // 1024


def test_messages_are_taken_in_their_order_and_no_more_than_are_asked_for() -> None:
    backlog = Backlog()
    put = [Captured("twilio", b"%d" % n, float(n)) for n in range(5)]
    for each in put:
        assert backlog.put(each)

    assert (backlog.take(3), backlog.take(3), backlog.take(3)) == (put[:3], put[3:], [])


def test_what_there_is_no_room_for_is_refused_until_something_was_taken() -> None:
    backlog = Backlog()

    assert [backlog.put(FRAME) for _ in range(ROOM + 2)] == [True] * ROOM + [False] * 2

    assert len(backlog.take(3)) == 3
    assert [backlog.put(FRAME) for _ in range(4)] == [True] * 3 + [False]


def test_small_messages_take_room_too() -> None:
    backlog = Backlog()
    n_put = 0
    while backlog.put(Captured("gateway", b"", 1.0)):
        n_put += 1

    assert n_put == MAX_BYTES // OVERHEAD
