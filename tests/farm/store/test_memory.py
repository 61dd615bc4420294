from farm.store.memory import MemoryStore


def test_a_test_can_look_at_type_and_metadata() -> None:
    """What was said about an object is kept beside it."""
    store = MemoryStore()
    store.put("x", b"1", content_type="image/png", metadata={"Sha256": "abc"})
    assert store.objects["x"].content_type == "image/png"
    assert store.objects["x"].metadata == {"sha256": "abc"}


def test_listing_is_of_the_moment_it_was_asked_for() -> None:
    """Writing while a listing is read does not disturb it."""
    store = MemoryStore()
    store.put("a", b"1")
    listed = store.list("")
    store.put("b", b"1")
    assert list(listed) == ["a"]
