from gateway.local_realtime.spoken_cache import SpokenCache


def test_a_sound_is_kept_for_its_piece_and_speed() -> None:
    cache = SpokenCache(10_000)
    cache.put("Hello.", 1.0, b"hello")

    assert cache.get("Hello.", 1.0) == b"hello"
    assert cache.get("Hello.", 1.2) is None


def test_the_sound_used_longest_ago_gives_way() -> None:
    cache = SpokenCache(10_000)
    for piece in "abc":
        cache.put(piece, 1.0, bytes(3000 if piece != "c" else 4000))
        cache.get("a", 1.0)

    assert [cache.get(piece, 1.0) is not None for piece in "abc"] == [True, False, True]


def test_memory_stays_bounded_whatever_is_kept() -> None:
    cache = SpokenCache(10_000)
    for number in range(100):
        cache.put(f"{number}", 1.0, b"")
        cache.put("again", 1.0, bytes(number))
        assert cache.n_bytes <= 10_000
    kept = [number for number in range(100) if cache.get(f"{number}", 1.0) is not None]

    assert 0 < len(kept) < 25


def test_a_sound_larger_than_the_cache_is_not_kept() -> None:
    cache = SpokenCache(10_000)
    cache.put("a", 1.0, b"kept")
    cache.put("b", 1.0, bytes(10_000))

    assert cache.get("b", 1.0) is None
    assert cache.get("a", 1.0) == b"kept"


def test_a_sound_put_twice_counts_once() -> None:
    cache = SpokenCache(10_000)
    cache.put("a", 1.0, bytes(1000))
    n_bytes = cache.n_bytes
    cache.put("a", 1.0, bytes(1000))

    assert cache.n_bytes == n_bytes
