"""What a job comes to, worked out the slow way: every record in memory, every position on its own, no tables."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from farm.economics.cost import usd
from farm.economics.fit import fit
from farm.profile.fold import age
from farm.profile.outcome import Outcome
from farm.profile.record import BatchRecord, ImageRecord, Record
from farm.report.parts import read_records, record_names
from farm.store import keys
from farm.store.keys import RecordName
from farm.store.store import Store

if TYPE_CHECKING:
    from farm.plan.plan import Plan
    from farm.report.values import Report


def seconds(batch: BatchRecord) -> float:
    """Seconds of one diffusers call."""
    return batch.encode_prompt_s + batch.denoise_s + batch.decode_s + batch.post_s


@dataclass
class Oracle:
    """Every record of a job with its name."""

    records: Sequence[tuple[RecordName, Record]]
    winners: dict[int, RecordName] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, _ in sorted(self.records, key=lambda pair: (age(pair[0].token), pair[0].range)):
            if name.outcome is Outcome.RENDERED:
                for position in range(name.range.start, name.range.stop):
                    self.winners.setdefault(position, name)

    @classmethod
    def of(cls, store: Store, job_id: str) -> "Oracle":
        """The records of a job in a store."""
        return cls(list(read_records(store, record_names(store, job_id))))

    def won(self, name: RecordName, start: int, stop: int) -> int:
        """Positions of a stretch that a record won."""
        return sum(self.winners.get(position) == name for position in range(start, stop))

    def batches(self) -> Iterable[tuple[RecordName, Record, BatchRecord]]:
        """Every batch of a record that rendered."""
        for name, record in self.records:
            if name.outcome is Outcome.RENDERED:
                for batch in record.batches:
                    yield name, record, batch

    def busy(self, name: RecordName, record: Record) -> float:
        """Seconds that a record is charged."""
        if name.outcome is not Outcome.LOST:
            return record.busy_s
        same = (other for found, other in self.records if found.token == name.token)
        return max(0.0, record.busy_s - sum(other.busy_s for other in same if other.outcome is not Outcome.LOST))

    def wasted(self, name: RecordName, record: Record) -> float:
        """Seconds of a record that made nothing that counts."""
        busy = self.busy(name, record)
        load = min(record.load_s, busy)
        kept = self.won(name, name.range.start, name.range.stop) / len(name.range)
        useful = any(winner.token == name.token for winner in self.winners.values())
        return (busy - load) * (1 - kept) + (0.0 if useful else load)

    def totals(self) -> dict[str, Any]:
        """``totals`` of the report."""
        spent = sum(self.busy(*pair) for pair in self.records)
        costs = [usd(self.busy(name, record), record.worker.price_per_hour) for name, record in self.records]
        priced = [cost for cost in costs if cost is not None]
        cost = math.fsum(priced) if priced else None
        images = len(self.winners)
        steps = sum(self.won(name, one.start, one.stop) * one.effective_steps for name, _, one in self.batches())
        return {
            "images": images,
            "steps": steps,
            "gpu_s": spent,
            "cost_usd": cost,
            "s_per_image": spent / images if images else None,
            "s_per_step": spent / steps if steps else None,
            "usd_per_image": cost / images if images and cost is not None else None,
            "usd_per_step": cost / steps if steps and cost is not None else None,
            "wasted_s": sum(self.wasted(*pair) for pair in self.records),
        }

    def groups(self) -> dict[tuple[Any, ...], tuple[int, float, int]]:
        """Setting -> images, seconds per image, largest batch."""
        found: dict[tuple[Any, ...], list[tuple[int, float, int]]] = defaultdict(list)
        for name, record, batch in self.batches():
            images = self.won(name, batch.start, batch.stop)
            key = (batch.model, batch.scheduler, batch.steps, batch.effective_steps, record.worker.gpu, batch.dtype)
            if images:
                found[key].append((images, seconds(batch) * images / batch.batch_size, batch.batch_size))
        return {key: _row(rows) for key, rows in found.items()}

    def fits(self) -> dict[int, tuple[float, float, int]]:
        """Batch size -> fixed seconds, seconds per step and samples; of jobs of one model and one kind of worker."""
        kept: dict[int, list[tuple[int, float]]] = defaultdict(list)
        first: dict[int, list[tuple[int, float]]] = defaultdict(list)
        seen: set[tuple[str, int]] = set()
        full = [found for found in self.batches() if found[2].stop - found[2].start == found[2].batch_size]
        for _, record, batch in sorted(full, key=lambda found: found[2].started_at):
            size = batch.batch_size
            sample = batch.effective_steps, seconds(batch) / size
            (kept if (record.worker.session, size) in seen else first)[size].append(sample)
            seen.add((record.worker.session, size))
        for size, late in first.items():
            known = {steps for steps, _ in kept[size]}
            kept[size] += [sample for sample in late if sample[0] not in known]
        lines = {size: fit(*zip(*samples, strict=True)) for size, samples in kept.items() if samples}
        return {size: (line.fixed_s, line.s_per_step, line.n) for size, line in lines.items() if line is not None}

    def results(self, plan: "Plan") -> list[dict[str, Any]]:
        """``results.jsonl``, line by line."""
        found = {}
        for name, record in self.records:
            for image in record.images:
                if self.winners.get(image.position) == name:
                    batch = next(one for one in record.batches if one.start <= image.position < one.stop)
                    found[image.index] = result(plan, record, batch, image)
        return [found[index] for index in sorted(found)]

    def check(self, report: "Report") -> None:
        """The report says what the records say."""
        assert report.totals.model_dump() == pytest.approx(self.totals())
        groups = {
            (row.model, row.scheduler, row.steps, row.effective_steps, row.gpu, row.dtype): (
                row.images,
                row.s_per_image,
                row.batch_size,
            )
            for row in report.groups
        }
        assert groups == {key: pytest.approx(row) for key, row in self.groups().items()}
        fits = {row.batch_size: (row.fixed_s, row.s_per_step, row.n) for row in report.fits}
        assert fits == {key: pytest.approx(row, abs=1e-9) for key, row in self.fits().items()}


def _row(rows: Sequence[tuple[int, float, int]]) -> tuple[int, float, int]:
    images = sum(row[0] for row in rows)
    return images, sum(row[1] for row in rows) / images, max(row[2] for row in rows)


def result(plan: "Plan", record: Record, batch: BatchRecord, image: ImageRecord) -> dict[str, Any]:
    """One line of ``results.jsonl``."""
    task, size = plan.task(image.position), batch.batch_size
    return {
        "custom_id": task.custom_id,
        "index": task.index,
        "task_id": image.task_id,
        "meta": dict(task.meta),
        "key": keys.image(record.job, image.name),
        "sha256": image.sha256,
        "bytes": image.bytes,
        "prompt": task.prompt,
        "negative_prompt": task.negative_prompt,
        "model": task.pipeline.model,
        "scheduler": task.scheduler,
        "guidance_scale": task.guidance_scale,
        "width": image.width,
        "height": image.height,
        "seed": image.seed,
        "steps": batch.steps,
        "effective_steps": batch.effective_steps,
        "seconds": round(seconds(batch) / size, 6),
        "encode_prompt_s": round(batch.encode_prompt_s / size, 6),
        "denoise_s": round(batch.denoise_s / size, 6),
        "decode_s": round(batch.decode_s / size, 6),
        "post_s": round(batch.post_s / size, 6),
        "queued_s": round(record.claimed_at - record.queued_at, 6),
        "encode_s": round(image.encode_s, 6),
        "upload_s": round(image.upload_s, 6),
        "cost_usd": usd(seconds(batch) / size, record.worker.price_per_hour),
        "worker": record.worker.id,
    }


def same(line: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether two lines say the same, seconds and costs to the last digit but one."""
    return list(line) == list(expected) and all(_close(line[name], value) for name, value in expected.items())


def _close(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=2e-6)
    return bool(found == expected)
