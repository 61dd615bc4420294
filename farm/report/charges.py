"""What each attempt is charged, and how much of it the fold calls waste."""

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from farm.economics.cost import Bill, ratio
from farm.profile.fold import Folded
from farm.profile.outcome import Outcome, Token
from farm.profile.record import BatchRecord
from farm.report.load import Attempt, JobData
from farm.report.values import Totals
from farm.store.keys import RecordName


@dataclass(frozen=True, slots=True)
class BatchCharge:
    """A rendered batch and the pictures of it that count."""

    attempt: Attempt
    batch: BatchRecord
    #: Pictures of the batch that won their position.
    images: int

    @property
    def seconds(self) -> float:
        """Seconds of the GPU thread that the pictures which count are charged; load is not in it."""
        return batch_seconds(self.batch) * self.images / self.batch.batch_size

    @property
    def price(self) -> float | None:
        """Price per hour of the worker that rendered it."""
        return self.attempt.record.worker.price_per_hour


def batch_seconds(batch: BatchRecord) -> float:
    """Seconds of the GPU thread that a whole call took, prompt encoding to post, also where the record holds a part."""
    return math.fsum((batch.encode_prompt_s, batch.denoise_s, batch.decode_s, batch.post_s))


def charged_batches(data: JobData) -> Iterator[BatchCharge]:
    """Every batch with a picture that counts."""
    for attempt in data.attempts:
        for batch in attempt.record.batches:
            images = data.folded.useful(attempt.name, batch.start, batch.stop)
            if images:
                yield BatchCharge(attempt, batch, images)


def busy_seconds(attempts: Iterable[Attempt]) -> dict[RecordName, float]:
    """Seconds of the GPU thread that each record is charged.

    The record of a lost attempt counts the attempt's seconds up to its last renewal; what a worker that was only slow
    recorded itself under the same token is taken off, so that no second is paid twice.
    """
    listed = list(attempts)
    recorded: dict[Token, float] = defaultdict(float)
    for one in listed:
        if one.record.outcome is not Outcome.LOST:
            recorded[one.name.token] += one.record.busy_s
    return {
        one.name: max(0.0, one.record.busy_s - recorded[one.name.token])
        if one.record.outcome is Outcome.LOST
        else one.record.busy_s
        for one in listed
    }


def wasted_seconds(data: JobData, busy: Mapping[RecordName, float]) -> float:
    """Busy seconds that made no picture which counts; a load is waste when its whole attempt won nothing."""
    winners = data.won_by_token()
    return math.fsum(_wasted(one, busy[one.name], data.folded, winners) for one in data.attempts)


def _wasted(attempt: Attempt, busy: float, folded: Folded, winners: Container[str]) -> float:
    load = min(attempt.record.load_s, busy)
    kept = folded.useful(attempt.name) / max(1, len(attempt.name.range))
    in_vain = str(attempt.name.token) not in winners
    return (busy - load) * (1 - kept) + (load if in_vain else 0.0)


def totals(data: JobData) -> Totals:
    """The job in one line."""
    busy = busy_seconds(data.attempts)
    bill = Bill()
    for one in data.attempts:
        bill.add(busy[one.name], one.record.worker.price_per_hour)
    images = len(data.folded)
    steps = sum(charge.images * charge.batch.effective_steps for charge in charged_batches(data))
    return Totals(
        images=images,
        steps=steps,
        gpu_s=bill.seconds,
        cost_usd=bill.usd,
        s_per_image=ratio(bill.seconds, images),
        s_per_step=ratio(bill.seconds, steps),
        usd_per_image=ratio(bill.usd, images),
        usd_per_step=ratio(bill.usd, steps),
        wasted_s=wasted_seconds(data, busy),
        unpriced_s=bill.unpriced_s,
    )
