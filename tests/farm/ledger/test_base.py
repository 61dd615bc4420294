import re
import time

import pytest
import redis

from farm.ledger.base import SCRIPTS
from farm.ledger.ledger import Ledger


def test_the_clock_is_redis_time_plus_the_offset(ledger: Ledger) -> None:
    """Tests move the clock of everybody at once."""
    before = ledger.now()
    assert before == pytest.approx(time.time(), abs=5)
    ledger.shift_clock(100.5)
    assert ledger.now() == pytest.approx(before + 100.5, abs=5)


def test_scripts_and_python_read_one_clock(ledger: Ledger) -> None:
    """An epoch begins at the shifted time."""
    ledger.shift_clock(1_000_000)
    ledger.redis.delete(f"{ledger.prefix}:epoch")
    epoch, new = ledger.ensure_epoch()
    assert new
    assert int(epoch.split("x")[0]) / 1000 == pytest.approx(ledger.now(), abs=5)


def test_an_epoch_lasts_as_long_as_the_run_of_redis(ledger: Ledger) -> None:
    """The epoch stays, until its key is lost or Redis is another run."""
    first = ledger.epoch()
    assert re.fullmatch(r"\d{13}x[0-9a-f]{4}", first)
    assert ledger.ensure_epoch() == (first, False)
    ledger.redis.set(f"{ledger.prefix}:run_id", "another run")
    second, new = ledger.ensure_epoch()
    assert new
    assert second != first
    ledger.redis.delete(f"{ledger.prefix}:epoch")
    third, new = ledger.ensure_epoch()
    assert new
    assert sorted([third, second, first]) == [first, second, third] or second[:13] == third[:13]


def test_discovery_is_of_one_epoch(ledger: Ledger) -> None:
    """A new epoch makes the coordinator look into the store again."""
    assert not ledger.discovered()
    ledger.set_discovered(ledger.epoch())
    assert ledger.discovered()
    ledger.redis.delete(f"{ledger.prefix}:epoch")
    ledger.ensure_epoch()
    assert not ledger.discovered()


def test_one_coordinator_leads(ledger: Ledger) -> None:
    """The lock is one's own until it is given up or runs out; anybody sees whose it is."""
    assert ledger.leader() is None
    assert ledger.lead("a", 10)
    assert ledger.leader() == "a"
    assert ledger.lead("a", 10)
    assert not ledger.lead("b", 10)
    ledger.resign("b")
    assert not ledger.lead("b", 10)
    ledger.resign("a")
    assert ledger.lead("b", 0.05)
    time.sleep(0.1)
    assert ledger.lead("a", 10)


def test_every_script_is_described() -> None:
    """Each file says who calls it, what it takes, and what it answers."""
    from importlib.resources import files

    folder = files("farm.ledger")
    names = {file.name.removesuffix(".lua") for file in folder.iterdir() if file.name.endswith(".lua")}
    assert names == {*SCRIPTS, "common"}
    for name in SCRIPTS:
        first = (folder / f"{name}.lua").read_text().splitlines()[0]
        assert first.startswith(f"-- {name} (")


def test_scripts_survive_a_script_flush(ledger: Ledger) -> None:
    """A Redis that was started again does not know the scripts: they are loaded again."""
    ledger.redis.script_flush()
    assert not ledger.ensure_epoch()[1]


def test_the_client_must_decode(redis_url: str) -> None:
    """A client that answers in bytes is refused at once, not at the first comparison."""
    with redis.Redis.from_url(redis_url) as client, pytest.raises(ValueError, match="decode_responses"):
        Ledger(client)


def test_queue_lengths_are_those_of_the_broker(ledger: Ledger) -> None:
    """A queue that was never used is empty; dropped messages are gone."""
    ledger.redis.lpush(f"{ledger.prefix}:b:red", "one", "two")
    assert ledger.queue_lengths(["red", "blue"]) == {"red": 2, "blue": 0}
    ledger.drop_messages("red")
    assert ledger.queue_lengths(["red"]) == {"red": 0}
    assert ledger.queue_lengths([]) == {}
