"""What was measured of one attempt: the record a worker writes to the store before it commits.

Instants are POSIX seconds (UTC), durations are seconds, sizes are bytes.
"""

from pydantic import BaseModel, ConfigDict

from farm.profile.outcome import Outcome


class _Measured(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class WorkerInfo(_Measured):
    """The worker that made the attempt."""

    id: str
    session: str
    host: str
    #: ``cpu`` or ``cuda:0``.
    device: str
    #: The device's name as its maker gives it: what prices and fits are keyed by.
    gpu: str
    vram_gb: float | None
    #: Currency units per hour of this worker; None where nobody set one.
    price_per_hour: float | None


class BatchRecord(_Measured):
    """One diffusers call: images of one batch key."""

    #: Positions of its images: start inclusive, stop exclusive.
    start: int
    stop: int
    #: Images the tensors held, padding included.
    batch_size: int
    dtype: str
    model: str
    revision: str | None
    width: int
    height: int
    steps: int
    effective_steps: int
    denoiser_calls: int
    scheduler: str
    guidance_scale: float | None
    #: When the GPU thread took the batch up.
    started_at: float
    encode_prompt_s: float
    #: One entry per schedule position run.
    step_s: list[float]
    denoise_s: float
    decode_s: float
    post_s: float


class ImageRecord(_Measured):
    """One picture in the store."""

    position: int
    index: int
    task_id: str
    custom_id: str | None
    #: Name below the job's ``images/``.
    name: str
    seed: int
    sha256: str
    bytes: int
    width: int
    height: int
    #: Place within its batch, from 0.
    batch_position: int
    #: Seconds of the publish thread: encoding the file, and uploading it.
    encode_s: float
    upload_s: float


class ErrorInfo(_Measured):
    """Why a sub-range failed."""

    kind: str
    message: str


class Record(_Measured):
    """One contiguous sub-range of an attempt with one outcome: `keys.record` names it."""

    job: str
    start: int
    stop: int
    epoch: str
    counter: int
    outcome: Outcome
    worker: WorkerInfo
    #: When the coordinator sent the range, the worker claimed it, the GPU thread began and the publisher ended.
    queued_at: float
    claimed_at: float
    started_at: float
    finished_at: float
    #: Seconds the GPU thread spent on loading the pipeline for this attempt; in the attempt's first record only.
    load_s: float
    #: Seconds of the GPU thread that this sub-range is charged, load included.
    busy_s: float
    batches: list[BatchRecord]
    images: list[ImageRecord]
    error: ErrorInfo | None = None
