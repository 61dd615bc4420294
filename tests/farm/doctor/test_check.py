from farm.doctor.check import Check, asked
from farm.errors import ServiceError, UsageError


def _ask(error: Exception | None) -> str:
    if error:
        raise error
    return "found"


def test_a_sentence_is_cut_into_what_is_wrong_and_what_to_do() -> None:
    """The advice of an error stands behind its last colon."""
    wrong = ServiceError("Redis at box:1 cannot be reached: check that it runs.")
    assert asked("redis", lambda: _ask(wrong)) == Check(
        "redis", False, "Redis at box:1 cannot be reached", "Check that it runs."
    )
    assert asked("redis", lambda: _ask(None)) == Check("redis", True, "found")
    assert asked("farm", lambda: _ask(UsageError("It is broken."))) == Check("farm", False, "It is broken.")
