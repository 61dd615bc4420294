"""The plan: a frozen job. Its space in execution order, groups and verdicts; byte-deterministic as ``job.json``."""

import dataclasses
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farm.errors import StoreError
from farm.manifest.model import Manifest, Run
from farm.manifest.output import Output
from farm.manifest.space import GROUP_FIELDS, Space
from farm.manifest.task import PipelineKey, RenderTask
from farm.models import Buckets
from farm.plan import document
from farm.plan.collisions import check_names
from farm.plan.names import NamePattern
from farm.plan.order import Order, Spot, arrange
from farm.plan.resolve import resolve_space
from farm.plan.rows import Writer
from farm.steps.policy import Verdict
from farm.steps.schedulers import effective_steps
from farm.store import keys

__all__ = ["Group", "Plan", "Verdict", "make_plan"]

#: Most groups of one job: each has a cursor in the ledger.
MAX_GROUPS = 10_000
_SLUG = 40
_SUMMARY = ("model", "scheduler", "width", "height", "steps")


@dataclass(frozen=True, slots=True)
class Group:
    """A run of positions of one pipeline and one size: what one queue serves and one tensor shape holds."""

    number: int
    pipeline: PipelineKey
    width: int
    height: int
    #: First position, inclusive; `stop` is exclusive.
    start: int
    stop: int

    @property
    def queue(self) -> str:
        """The queue that serves it."""
        return self.pipeline.queue


@dataclass(frozen=True)
class Plan:
    """A job, frozen.

    Positions count tasks in execution order; a task's ``index`` counts them in the user's.

    Args:
        job_id: slug of the name and hash of what is drawn.
        name: what the user calls it.
        space: factors in execution order.
        order: positions -> rows of the factors.
        groups: contiguous runs of positions, in order.
        steps: of all images together.
        verdicts: what the step policy and the reader of the manifest have to say.
        run: how to run it.
        output: where the pictures go.
    """

    job_id: str
    name: str
    space: Space
    order: Order
    groups: tuple[Group, ...]
    steps: int
    verdicts: tuple[Verdict, ...]
    run: Run
    output: Output
    _summary: Sequence[Mapping[str, Any]]
    _factors: Sequence[Mapping[str, Any]]
    _parts: Writer = field(default_factory=lambda: Writer([]), compare=False)
    _pattern: NamePattern = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", NamePattern.parse(self.output.name, extensions=self.output.extensions))

    @property
    def images(self) -> int:
        """How many images it makes."""
        return len(self.order)

    @property
    def sha256(self) -> str:
        """Hash of the document, in hex."""
        return document.body_hash(self._body())

    @property
    def objects(self) -> Mapping[str, bytes]:
        """Objects of the store that belong beside ``job.json`` and are written before it, each made when asked for."""
        return _Objects({keys.rows(self.job_id, number): number for number in range(len(self._parts))}, self._parts)

    def task(self, position: int) -> RenderTask:
        """The task at a position; raises IndexError outside the job."""
        return self.space.task(self.order.locate(position).rows)

    def tasks(self, start: int, stop: int) -> list[RenderTask]:
        """The tasks at positions `start` to `stop`, exclusive."""
        return [self.task(position) for position in range(start, stop)]

    def spot(self, position: int) -> Spot:
        """What lies at a position: its group, and the positions that share its batch key."""
        return self.order.locate(position)

    def group_of(self, position: int) -> Group:
        """The group that a position lies in."""
        return self.groups[self.order.group(position)]

    def image_name(self, task: RenderTask) -> str:
        """The name of a task's picture inside the job's folder."""
        return self._pattern.name(task)

    def summary(self) -> list[dict[str, Any]]:
        """What is drawn, by model, scheduler, size and steps: ``groups`` of ``farm plan --json``."""
        return [dict(entry) for entry in self._summary]

    def with_job_id(self, job_id: str) -> "Plan":
        """The same plan as another job: what ``--again`` submits."""
        return dataclasses.replace(self, job_id=job_id)

    def _body(self) -> dict[str, Any]:
        return {
            "version": document.VERSION,
            "job_id": self.job_id,
            "name": self.name,
            "images": self.images,
            "steps": self.steps,
            "constants": dict(self.space.constants),
            "factors": [document.with_hashes(entry, self._parts) for entry in self._factors],
            "groups": [_pack_group(group) for group in self.groups],
            "summary": self._summary,
            "verdicts": [dataclasses.asdict(verdict) for verdict in self.verdicts],
            "run": self.run.model_dump(),
            "output": self.output.document(),
        }

    def to_json(self) -> bytes:
        """The document ``job.json``: the same bytes for the same plan, always."""
        return document.seal(self._body())

    @classmethod
    def from_json(cls, data: bytes, *, read: Callable[[str], bytes] | None = None) -> "Plan":
        """The plan of a document.

        Args:
            data: the document.
            read: key of an object beside it -> its bytes; asked for one part at a time, when a task of it is wanted.

        Raises:
            DamagedError: it is no plan any more, or of another version.
        """
        body = document.unseal(data)
        job_id = body["job_id"]

        def part(number: int) -> bytes:
            """A part of the job's rows."""
            if read is None:
                raise StoreError(f"The rows of job {job_id} are in the store, and no store is at hand.")
            return read(keys.rows(job_id, number))

        factors = [document.unpack_factor(entry, part) for entry in body["factors"]]
        return cls(
            job_id=job_id,
            name=body["name"],
            space=Space(body["constants"], factors),
            order=Order([tuple(tuple(bounds) for bounds in entry["segments"]) for entry in body["factors"]]),
            groups=tuple(_unpack_group(entry) for entry in body["groups"]),
            steps=body["steps"],
            verdicts=tuple(Verdict(**entry) for entry in body["verdicts"]),
            run=Run.model_validate(body["run"]),
            output=Output.model_validate(body["output"]),
            _summary=body["summary"],
            _factors=body["factors"],
        )


@dataclass(frozen=True)
class _Objects(Mapping[str, bytes]):
    """The parts of a plan by their keys, not all in memory at once."""

    numbers: Mapping[str, int]
    parts: Writer

    def __getitem__(self, key: str) -> bytes:
        return self.parts[self.numbers[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)


def _pack_group(group: Group) -> dict[str, Any]:
    return dataclasses.asdict(group)


def _unpack_group(entry: Mapping[str, Any]) -> Group:
    return Group(**{**entry, "pipeline": PipelineKey(**entry["pipeline"])})


def make_plan(manifest: Manifest, *, buckets: Buckets | None = None) -> Plan:
    """Freeze a manifest: resolve its models, judge its steps, order its tasks, prove its names.

    Args:
        manifest: what the user wrote.
        buckets: opens a model's place in S3; by default as the settings say.

    Raises:
        ManifestError: a model cannot be used, a scheduler does not fit, the step policy is strict and broken, or
            output names collide; nothing was written anywhere.
    """
    space, verdicts = resolve_space(manifest, buckets=buckets)
    _check_names(manifest, space)
    arranged = [arrange(factor) for factor in space.factors]
    factors, segments = [factor for factor, _ in arranged], [bounds for _, bounds in arranged]
    if math.prod(len(bounds) for bounds in segments) > MAX_GROUPS:
        manifest.place.fail(f"makes more than {MAX_GROUPS:,} groups of model and size: split the job.", "render")
    ordered, order = Space(space.constants, factors), Order(segments)
    packed, parts = document.pack_factors(factors, segments)
    return Plan(
        job_id=f"{slug(manifest.name)}-{document.render_hash(space, manifest.output.document())}",
        name=manifest.name,
        space=ordered,
        order=order,
        groups=tuple(_groups(ordered, order)),
        steps=sum(steps * count for (steps,), count in space.census(("steps",)).items()),
        verdicts=tuple(verdicts),
        run=manifest.run,
        output=manifest.output,
        _summary=_summarize(ordered),
        _factors=packed,
        _parts=parts,
    )


def _check_names(manifest: Manifest, space: Space) -> None:
    try:
        check_names(space, NamePattern.parse(manifest.output.name, extensions=manifest.output.extensions))
    except ValueError as error:
        manifest.place.fail(str(error), "output.name")


def _groups(space: Space, order: Order) -> list[Group]:
    groups = []
    for number, (start, stop) in enumerate(zip(order.starts, order.starts[1:], strict=False)):
        values = dict(space.constants)
        for factor, row in zip(space.factors, order.first_rows(number), strict=True):
            values.update({name: factor.columns[name][row] for name in GROUP_FIELDS if name in factor.columns})
        pipeline = PipelineKey(values["model"], values["revision"], values["variant"], values["dtype"])
        groups.append(Group(number, pipeline, values["width"], values["height"], start, stop))
    return groups


def _summarize(space: Space) -> list[dict[str, Any]]:
    return [
        {
            "model": model,
            "scheduler": scheduler,
            "size": f"{width}x{height}",
            "steps": steps,
            "effective_steps": effective_steps(scheduler, steps),
            "images": images,
        }
        for (model, scheduler, width, height, steps), images in space.census(_SUMMARY).items()
    ]


def slug(name: str) -> str:
    """A name as part of a job id: lower-case ASCII letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG].strip("-") or "job"
