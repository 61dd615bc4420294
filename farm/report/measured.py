"""What a report needs of each record and of each batch, as lean rows: a job of a million images has 150 000 of them."""

import math
import sys
from typing import Any, NamedTuple, Self

from farm.profile.outcome import Outcome


class Attempt(NamedTuple):
    """A record, without its batches and pictures; columns of the table ``attempts``."""

    start: int
    stop: int
    epoch: str
    counter: int
    outcome: str
    #: Positions of it that count.
    won: int
    worker: str
    gpu: str
    price_per_hour: float | None
    claimed_at: float
    finished_at: float
    load_s: float
    busy_s: float

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """A row of the table; texts that many rows share are one text in memory."""
        return cls._make(sys.intern(value) if type(value) is str else value for value in row)

    @property
    def token(self) -> str:
        """The attempt, as spans name it."""
        return f"{self.epoch}.{self.counter}"

    @property
    def lost(self) -> bool:
        """Whether nobody knows what became of it but the ledger."""
        return self.outcome == Outcome.LOST

    @property
    def key(self) -> tuple[int, int, str, int, str]:
        """What its record's name says."""
        return self[:5]


class Batch(NamedTuple):
    """A batch of a rendered record; columns of the table ``batches``."""

    start: int
    stop: int
    #: Pictures of it that count.
    won: int
    session: str
    gpu: str
    price_per_hour: float | None
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
    started_at: float
    encode_prompt_s: float
    denoise_s: float
    decode_s: float
    post_s: float

    @property
    def size(self) -> str:
        """Width and height as reports write them: ``1024x1024``."""
        return f"{self.width}x{self.height}"

    @property
    def seconds(self) -> float:
        """Seconds of the GPU thread that the whole call took, prompt encoding to post."""
        return math.fsum((self.encode_prompt_s, self.denoise_s, self.decode_s, self.post_s))
