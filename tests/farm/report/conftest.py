"""A made-up job with known figures: two step counts, batches of four, one worker at 3.60 an hour."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from farm.manifest.task import PipelineKey, RenderTask
from farm.plan.plan import Plan
from farm.plan.ranges import WorkRange
from farm.profile.fold import fold
from farm.profile.outcome import Outcome, Token
from farm.profile.record import BatchRecord, ErrorInfo, ImageRecord, Record, WorkerInfo
from farm.profile.seconds import Kind, Session, Span
from farm.report.load import JobData, load
from farm.report.measured import Batch
from farm.report.parts import Tables, record_names
from farm.report.rollup import finish
from farm.report.slices import slices
from farm.store import keys
from farm.store.memory import MemoryStore

EPOCH = "1763690000000x3fa9"
FIXED, PER_STEP = 0.5, 0.1
PIPELINE = PipelineKey("builtin:shapes", "r1")
WORKER = WorkerInfo(
    id="w1", session="90000x3fa9", host="box", device="cuda:0", gpu="Test GPU", vram_gb=8.0, price_per_hour=3.6
)

Part = tuple[Kind, float] | tuple[Kind, float, str, int | None, int | None, str]


@dataclass(frozen=True)
class FakeGroup:
    """A group of a plan."""

    number: int
    start: int
    stop: int
    pipeline: PipelineKey = PIPELINE


@dataclass(frozen=True)
class FakePlan:
    """A plan of one prompt axis and two step counts, steps outermost; the user's order has steps innermost."""

    prompts: int = 4
    steps: tuple[int, ...] = (10, 20)
    job_id: str = "mugs"
    meta: dict[str, Any] = field(default_factory=lambda: {"tag": "a"})

    @property
    def images(self) -> int:
        """Tasks of the job."""
        return self.prompts * len(self.steps)

    @property
    def groups(self) -> tuple[FakeGroup, ...]:
        """One group per step count, so that one can be blocked alone."""
        return tuple(FakeGroup(n, n * self.prompts, (n + 1) * self.prompts) for n in range(len(self.steps)))

    def group_of(self, position: int) -> FakeGroup:
        """The group of a position."""
        return self.groups[position // self.prompts]

    def tasks(self, start: int, stop: int) -> list[RenderTask]:
        """The tasks at some positions."""
        return [self.task(position) for position in range(start, min(stop, self.images))]

    def image_name(self, task: RenderTask) -> str:
        """Name of a picture."""
        return f"{task.index:06}.png"

    def task(self, position: int) -> RenderTask:
        """The task at a position."""
        step, prompt = divmod(position, self.prompts)
        return RenderTask(
            index=prompt * len(self.steps) + step,
            pipeline=PIPELINE,
            prompt=f"prompt {prompt}",
            negative_prompt="",
            seed=2**64 - 1 - prompt,
            steps=self.steps[step],
            scheduler="euler",
            timestep_spacing=None,
            guidance_scale=5.0,
            width=64,
            height=64,
            custom_id=f"c{position}",
            meta=self.meta,
            prompt_index=prompt,
        )


@dataclass
class Farm:
    """Writes what workers would have written."""

    plan: FakePlan = field(default_factory=FakePlan)
    store: MemoryStore = field(default_factory=MemoryStore)
    worker: WorkerInfo = WORKER

    def batch(self, start: int, stop: int, *, at: float = 100.0, size: int | None = None) -> BatchRecord:
        """A batch that took exactly what the cost model says."""
        task = self.plan.task(start)
        images = stop - start
        denoise = PER_STEP * task.steps * images
        return BatchRecord(
            start=start,
            stop=stop,
            batch_size=size or images,
            dtype="float32",
            model=task.pipeline.model,
            revision=task.pipeline.revision,
            width=task.width,
            height=task.height,
            steps=task.steps,
            effective_steps=task.steps,
            denoiser_calls=task.steps,
            scheduler=task.scheduler,
            guidance_scale=task.guidance_scale,
            started_at=at,
            encode_prompt_s=0.2 * images,
            step_s=[denoise / task.steps] * task.steps,
            denoise_s=denoise,
            decode_s=0.2 * images,
            post_s=0.1 * images,
        )

    def image(self, position: int, start: int) -> ImageRecord:
        """A picture of a batch that began at `start`."""
        task = self.plan.task(position)
        return ImageRecord(
            position=position,
            index=task.index,
            task_id=task.task_id,
            custom_id=task.custom_id,
            name=self.plan.image_name(task),
            seed=task.seed,
            sha256=hashlib.sha256(str(position).encode()).hexdigest(),
            bytes=1000,
            width=64,
            height=64,
            batch_position=position - start,
            encode_s=0.01,
            upload_s=0.02,
        )

    def record(  # noqa: PLR0913 a builder has a default for everything
        self,
        start: int,
        stop: int,
        counter: int,
        *,
        outcome: Outcome = Outcome.RENDERED,
        worker: WorkerInfo = WORKER,
        at: float = 100.0,
        load: float = 0.0,
        busy: float | None = None,
    ) -> Record:
        """Write one record with one batch, and return it."""
        rendered = outcome is Outcome.RENDERED
        batch = self.batch(start, stop, at=at + load)
        work = batch.encode_prompt_s + batch.denoise_s + batch.decode_s + batch.post_s
        seconds = load + work if busy is None else busy
        record = Record(
            job=self.plan.job_id,
            start=start,
            stop=stop,
            epoch=EPOCH,
            counter=counter,
            outcome=outcome,
            worker=worker,
            queued_at=at - 2.0,
            claimed_at=at,
            started_at=at,
            finished_at=at + seconds,
            load_s=load,
            busy_s=seconds,
            batches=[batch] if rendered else [],
            images=[self.image(position, start) for position in range(start, stop)] if rendered else [],
            error=None if rendered else ErrorInfo(kind="RenderError", message="black picture"),
        )
        key = keys.record(WorkRange(self.plan.job_id, start, stop), Token(EPOCH, counter), outcome)
        self.store.put(key, record.model_dump_json().encode())
        return record

    def session(self, spans: Iterable[Span], *, worker: WorkerInfo = WORKER, part: int = 0, **also: Any) -> Session:
        """Write one session part with contiguous spans, and return it."""
        listed = tuple(spans)
        known: dict[str, Any] = {"started_at": listed[0].start, "ended_at": listed[-1].stop, "upload_s": {}} | also
        session = Session(worker=worker, part=part, spans=listed, **known)
        self.store.put(keys.session(worker.id, f"{worker.session}-{part:04}"), session.to_json())
        return session

    def finished(self) -> None:
        """Say that the job is over."""
        self.store.put(keys.finished(self.plan.job_id), b"{}")

    @staticmethod
    def spans(start: float, *parts: Part) -> list[Span]:
        """Contiguous spans from (kind, seconds) or (kind, seconds, job, first, last, token)."""
        made: list[Span] = []
        for kind, seconds, *rest in parts:
            made.append(Span(kind, start, start + seconds, *rest))  # type: ignore[arg-type]
            start += seconds
        return made

    @staticmethod
    def token(counter: int) -> str:
        """A token as spans carry it."""
        return f"{EPOCH}.{counter}"

    def finish(
        self, failures: Mapping[int, str] | None = None, blocked: Mapping[int, str] | None = None
    ) -> dict[str, Any]:
        """Roll the job up."""
        plan = cast("Plan", self.plan)
        return finish(store=self.store, plan=plan, failures=(failures or {}).items(), blocked=blocked or {})

    def batches(self) -> list[Batch]:
        """Every batch, as the tables have it."""
        names = record_names(self.store, self.plan.job_id)
        folded, tables = fold(names), Tables(self.store, self.plan.job_id)
        return [batch for piece in slices(names, folded) for batch in tables.part(piece, folded).batches()]

    def data(self) -> JobData:
        """Everything that was measured, as a report reads it."""
        return load(self.store, self.plan.job_id)


@pytest.fixture
def farm() -> Farm:
    """An empty farm with the usual plan."""
    return Farm()


@pytest.fixture
def rendered(farm: Farm) -> Farm:
    """Every picture rendered once, by one worker, in two attempts; the first loaded the model for two seconds."""
    farm.record(0, 4, 1, load=2.0)
    farm.record(4, 8, 2, at=110.0)
    farm.finished()
    return farm
