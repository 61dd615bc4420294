"""The rows of a report that say what each setting cost, added up batch by batch."""

from dataclasses import dataclass, field
from typing import NamedTuple

from farm.economics.cost import Bill, ratio
from farm.report.measured import Batch
from farm.report.values import GroupRow


class _Setting(NamedTuple):
    """What the rows of the groups table differ in; sorts as they are shown."""

    model: str
    size: str
    gpu: str
    dtype: str
    scheduler: str
    guidance_scale: float
    steps: int
    effective_steps: int
    denoiser_calls: int

    @classmethod
    def of(cls, batch: Batch) -> "_Setting":
        """The setting of a batch; the pipeline's own guidance sorts first."""
        return cls(
            model=batch.model,
            size=batch.size,
            gpu=batch.gpu,
            dtype=batch.dtype,
            scheduler=batch.scheduler,
            guidance_scale=-1.0 if batch.guidance_scale is None else batch.guidance_scale,
            steps=batch.steps,
            effective_steps=batch.effective_steps,
            denoiser_calls=batch.denoiser_calls,
        )


@dataclass(slots=True)
class _Charged:
    """The pictures of one setting that count: load and waste are not in it."""

    guidance_scale: float | None
    images: int = 0
    batch_size: int = 0
    bill: Bill = field(default_factory=Bill)

    def add(self, batch: Batch) -> None:
        """Count a batch: its pictures that count are charged their share of it."""
        self.images += batch.won
        self.batch_size = max(self.batch_size, batch.batch_size)
        self.bill.add(batch.seconds * batch.won / batch.batch_size, batch.price_per_hour)


class Groups:
    """One row per setting and kind of worker, over the pictures that count."""

    def __init__(self) -> None:
        self._charged: dict[_Setting, _Charged] = {}

    @property
    def steps(self) -> int:
        """Effective steps of all pictures that count."""
        return sum(setting.effective_steps * one.images for setting, one in self._charged.items())

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        if batch.won:
            self._charged.setdefault(_Setting.of(batch), _Charged(batch.guidance_scale)).add(batch)

    def rows(self) -> tuple[GroupRow, ...]:
        """The rows, in the order they are shown."""
        return tuple(_row(setting, self._charged[setting]) for setting in sorted(self._charged))


def _row(setting: _Setting, charged: _Charged) -> GroupRow:
    seconds, cost, images = charged.bill.seconds, charged.bill.usd, charged.images
    steps = images * (setting.effective_steps or setting.steps)
    return GroupRow.model_validate(
        setting._asdict()
        | {
            "guidance_scale": charged.guidance_scale,
            "batch_size": charged.batch_size,
            "images": images,
            "s_per_image": seconds / images,
            "s_per_step": seconds / steps,
            "usd_per_image": ratio(cost, images),
            "usd_per_step": ratio(cost, steps),
        }
    )
