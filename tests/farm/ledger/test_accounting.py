"""Whatever happens in whatever order, every image is accounted for exactly once."""

import secrets
from typing import Any, ClassVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from farm.ledger.ledger import Ledger
from farm.ledger.values import FailedPart, GroupEntry, JobEntry, JobState, Lease, Progress, Refusal, Signal
from farm.plan.ranges import WorkRange

JOB = "mugs"
IMAGES = 40
GROUPS = (GroupEntry(0, 0, 23, "red"), GroupEntry(1, 23, IMAGES, "blue"))
WORKERS = st.sampled_from(["w1", "w2", "w3"])


class Farm(RuleBasedStateMachine):
    """A coordinator and three workers that do everything they may, and some things they should not."""

    url: ClassVar[str]
    messages = Bundle("messages")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        self.ledger = Ledger(self.client, prefix=f"t{secrets.token_hex(6)}")
        #: Positions whose picture is in the store, and those that a commit called new.
        self.stored: set[int] = set()
        self.counted: list[int] = []
        #: Live leases: nobody else may hold a position of theirs.
        self.held: dict[str, WorkRange] = {}

    @initialize(attempts=st.integers(1, 3), workers=st.integers(1, 3))
    def begin(self, attempts: int, workers: int) -> None:
        """Open the job; so many workers are alive."""
        self.ledger.ensure_epoch()
        for number in range(workers):
            self.ledger.register(f"w{number + 1}", {})
        self.ledger.open(JobEntry(JOB, JOB, IMAGES, GROUPS, submitted_at=1.0, max_attempts=attempts))

    @rule(target=messages, group=st.sampled_from([0, 1]), size=st.integers(1, 9))
    def dispatch(self, group: int, size: int) -> Any:
        """A range is never empty, larger than asked, outside its group, or rendered before."""
        rng = self.ledger.dispatch(JOB, group, size)
        if rng is None:
            return multiple()
        assert 0 < len(rng) <= size
        assert GROUPS[group].start <= rng.start < rng.stop <= GROUPS[group].stop
        assert not any(self.ledger.is_done(JOB, position) for position in range(rng.start, rng.stop))
        return rng

    @rule(target=leases, rng=messages, worker=WORKERS)
    def claim(self, rng: WorkRange, worker: str) -> Any:
        """Messages come late and twice; no two leases ever share a position."""
        lease = self.ledger.claim(rng, worker=worker)
        if isinstance(lease, Refusal):
            return multiple()
        self._hold(lease)
        return lease

    @rule(lease=leases, ticks=st.integers(0, 3))
    def renew(self, lease: Lease, ticks: int) -> None:
        """Only a lease that is held is confirmed."""
        signal = self.ledger.renew(lease, worker="w1", progress=Progress(ticks, "rendering", busy_s=1.0))
        if signal is Signal.CONTINUE and lease.token.epoch != self.ledger.epoch():
            self._hold(lease)
        assert (signal is Signal.CONTINUE) == (str(lease.token) in self.held)

    def _hold(self, lease: Lease) -> None:
        """No two leases ever share a position; a worker of an earlier epoch may keep what nobody else has."""
        rng = lease.range
        for token, other in self.held.items():
            assert token == str(lease.token) or other.stop <= rng.start or rng.stop <= other.start
        self.held[str(lease.token)] = rng

    @rule(lease=leases, data=st.data())
    def commit(self, lease: Lease, data: st.DataObject) -> None:
        """Pictures are stored and committed, in part or whole, under a live token or a stale one."""
        rng = lease.range
        start = data.draw(st.integers(rng.start, rng.stop - 1))
        stop = data.draw(st.integers(start + 1, rng.stop))
        self.stored |= set(range(start, stop))
        self.counted += self.ledger.commit(lease, start, stop, seconds=0.5, price=None)
        self._forget_closed()

    @rule(lease=consumes(leases))
    def give_back(self, lease: Lease) -> None:
        """A drained worker returns what it has not rendered."""
        self.ledger.give_back(lease)
        self.held.pop(str(lease.token), None)

    @rule(lease=consumes(leases), worker=WORKERS, data=st.data())
    def fail(self, lease: Lease, worker: str, data: st.DataObject) -> None:
        """Some of a range cannot be rendered."""
        rng = lease.range
        start = data.draw(st.integers(rng.start, rng.stop - 1))
        stop = data.draw(st.integers(start + 1, rng.stop))
        part = FailedPart(start, stop, "black", certain=data.draw(st.booleans()))
        self.ledger.fail(lease, failed=[part], worker=worker)
        self.held.pop(str(lease.token), None)

    @rule(seconds=st.floats(0, 45))
    def sweep(self, seconds: float) -> None:
        """Time passes, leases run out, messages get lost and are sent again."""
        self.ledger.shift_clock(seconds)
        for number in ("w1", "w2", "w3")[: len(self.ledger.workers(within=None))]:
            self.ledger.beat(number)
        expired, _ = self.ledger.sweep(JOB, grace=5, queue_lengths={"red": 0, "blue": 0})
        for found in expired:
            self.held.pop(str(found.token), None)
        self.ledger.lost_written(JOB, expired)

    @rule(state=st.sampled_from([JobState.PAUSED, JobState.RUNNING]))
    def steer(self, state: JobState) -> None:
        """A user pauses and resumes."""
        self.ledger.set_control(JOB, state=state)

    @rule(queue=st.sampled_from(["red", "blue"]))
    def reassign(self, queue: str) -> None:
        """Nobody serves a queue any more."""
        self.ledger.take_back(JOB, queue)

    @rule(group=st.sampled_from([0, 1]))
    def block(self, group: int) -> None:
        """No worker can load a group's pipeline."""
        self.ledger.block_group(JOB, group, "corrupt")

    @rule()
    def retry(self) -> None:
        """A user retries."""
        self.ledger.retry(JOB)

    @rule()
    def restore(self) -> None:
        """Redis was restarted: a new epoch, and the job as the store tells it."""
        self.client.delete(f"{self.ledger.prefix}:epoch")
        epoch, _ = self.ledger.ensure_epoch()
        done = bytearray(IMAGES // 8)
        for position in self.stored:
            done[position // 8] |= 0x80 >> position % 8
        left = [
            (position, position + 1)
            for position in range(IMAGES)
            if position not in self.stored and position not in self.ledger.failures(JOB)
        ]
        before = self.ledger.status(JOB)
        self.ledger.restore(JOB, done=bytes(done), failed={}, waiting=left, epoch=epoch)
        assert before is not None
        self.counted += sorted(self.stored - set(self.counted))
        self._forget_closed()

    def _forget_closed(self) -> None:
        """A lease whose positions are all settled is closed by the ledger."""
        entries = self.client.hkeys(f"{self.ledger.prefix}:job:{JOB}:entries")
        self.held = {token: rng for token, rng in self.held.items() if f"{rng.start}-{rng.stop}" in entries}

    @invariant()
    def every_image_is_in_one_place(self) -> None:
        """Rendered, given up, out, returned, or not yet sent: exactly one of them."""
        if not self.ledger.status(JOB):
            return
        places: list[int] = []
        key = f"{self.ledger.prefix}:job:{JOB}"
        spans = [*self.client.hkeys(f"{key}:entries"), *self.client.zrange(f"{key}:again", 0, -1)]
        settled = self.stored | set(self.ledger.failures(JOB))
        for span in spans:
            start, stop = (int(part) for part in span.split("-"))
            places += [position for position in range(start, stop) if position not in settled]
        for group in GROUPS:
            cursor = int(self.client.hget(key, f"cursor:{group.number}") or 0)
            places += [position for position in range(cursor, group.stop) if position not in settled]
        assert sorted(places) == sorted(set(range(IMAGES)) - settled)

    @invariant()
    def counters_are_true(self) -> None:
        """What the user is told is what the bits say, and no image was counted twice."""
        status = self.ledger.status(JOB)
        if status is None:
            return
        done = {position for position in range(IMAGES) if self.ledger.is_done(JOB, position)}
        assert done == self.stored
        assert sorted(self.counted) == sorted(done)
        assert status.done == len(done)
        blocked = {
            position
            for number in self.ledger.blocked(JOB)
            for position in range(GROUPS[number].start, GROUPS[number].stop)
        }
        assert status.failed == len((blocked - done) | set(self.ledger.failures(JOB)))

    def teardown(self) -> None:
        """Finish the job with one willing worker: it ends, and every image is accounted for."""
        if self.ledger.status(JOB):
            self.ledger.set_control(JOB, state=JobState.RUNNING)
            self.ledger.retry(JOB)
            self._finish()
            status = self.ledger.status(JOB)
            assert status is not None
            assert (status.done, status.failed) == (IMAGES, 0)
        for key in list(self.client.scan_iter(f"{self.ledger.prefix}:*")):
            self.client.delete(key)
        self.client.close()

    def _finish(self) -> None:
        self.ledger.shift_clock(100)
        self.ledger.sweep(JOB, grace=5, queue_lengths={})
        self.ledger.retry(JOB)
        self.ledger.take_back(JOB, "red")
        self.ledger.take_back(JOB, "blue")
        for group in (0, 1):
            while rng := self.ledger.dispatch(JOB, group, 8):
                lease = self.ledger.claim(rng, worker="w1")
                assert isinstance(lease, Lease)
                assert self.ledger.commit(lease, rng.start, rng.stop, seconds=0, price=None)


@pytest.fixture
def farm(redis_url: str) -> type[Farm]:
    """The machine on the tests' server."""
    Farm.url = redis_url
    return Farm


def test_every_image_is_accounted_for_exactly_once(farm: type[Farm]) -> None:
    """Any interleaving of what coordinators, workers, users and clocks may do."""
    run_state_machine_as_test(
        farm,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
