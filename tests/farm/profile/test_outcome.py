from hypothesis import given
from hypothesis import strategies as st

from farm.plan.ranges import WorkRange
from farm.profile.fold import age
from farm.profile.outcome import Outcome, Token
from farm.store import keys

_EPOCHS = st.builds("{}x{:04x}".format, st.integers(10**12, 10**13 - 1), st.integers(0, 0xFFFF))
_TOKENS = st.builds(Token, _EPOCHS, st.integers(1, 2**53))


def test_a_token_is_written_as_records_name_it() -> None:
    """Epoch, a dot, the counter."""
    assert str(Token("1763690000000x3fa9", 12)) == "1763690000000x3fa9.12"


@given(_TOKENS, st.sampled_from(list(Outcome)), st.integers(0, 10**9), st.integers(1, 999))
def test_a_records_name_says_all_that_the_fold_needs(token: Token, outcome: Outcome, start: int, size: int) -> None:
    """What is written into a key is read back whole: Redis can be rebuilt from a listing."""
    rng = WorkRange("mugs-0123abcd", start, start + size)
    found = keys.parse_record(rng.job_id, keys.record(rng, token, outcome))
    assert found == (rng, token, outcome)


@given(_TOKENS, _TOKENS)
def test_tokens_compare_by_age(first: Token, second: Token) -> None:
    """Tokens of today's clock order as the fold orders them, which reads the milliseconds as a number."""
    assert (first < second) == (age(first) < age(second))


def test_a_counter_orders_within_its_epoch() -> None:
    """As a number: the tenth lease comes after the ninth."""
    assert Token("1763690000000x3fa9", 9) < Token("1763690000000x3fa9", 10) < Token("1763690000001x0000", 1)
