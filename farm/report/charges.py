"""What each attempt is charged, and how much of it the fold calls waste."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from farm.economics.cost import Bill, ratio
from farm.profile.fold import Folded
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord
from farm.report.load import Attempt, JobData
from farm.report.values import Totals


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


def wasted_seconds(attempt: Attempt, folded: Folded, *, loaded_in_vain: bool) -> float:
    """Busy seconds of a record that made no picture which counts.

    Its load is waste, too, where `loaded_in_vain`: all records of the attempt together won nothing.
    """
    record = attempt.record
    length = record.stop - record.start
    kept = folded.useful(attempt.name) / length if record.outcome is Outcome.RENDERED and length else 0.0
    work = max(0.0, record.busy_s - record.load_s)
    return work * (1 - kept) + (record.load_s if loaded_in_vain else 0.0)


def totals(data: JobData) -> Totals:
    """The job in one line."""
    bill = Bill()
    for attempt in data.attempts:
        bill.add(attempt.record.busy_s, attempt.record.worker.price_per_hour)
    winners = data.won_by_token()
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
        wasted_s=math.fsum(
            wasted_seconds(one, data.folded, loaded_in_vain=str(one.name.token) not in winners) for one in data.attempts
        ),
        unpriced_s=bill.unpriced_s,
    )
