from farm.client.tally import Tally


def test_every_picture_is_told_once() -> None:
    """Whether it was brought, was there, or cannot be had."""
    told: list[tuple[int, int, int, int]] = []
    tally = Tally(3, lambda now: told.append((now.images, now.brought, now.bytes, len(now.bad))))
    tally.add(10, new=True)
    tally.add(5, new=False)
    tally.miss("a.png")
    assert told == [(1, 1, 10, 0), (2, 1, 15, 0), (2, 1, 15, 1)]


def test_nobody_needs_to_listen() -> None:
    """A pipe has no bar."""
    tally = Tally(1)
    tally.add(1, new=True)
    assert tally.images == 1
