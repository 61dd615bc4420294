"""A render task: one image to make, with every field resolved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PipelineKey:
    """What a worker loads before it can render: the unit of affinity.

    Args:
        model: Hub id, absolute local folder, ``s3://…`` or ``builtin:shapes``.
        revision: Hub commit, or the fingerprint of a local folder; None is the Hub's default branch.
        variant: weight variant such as ``fp16``.
        dtype: ``float32``, ``float16``, ``bfloat16``, or ``auto``: the worker's best.
    """

    model: str
    revision: str | None = None
    variant: str | None = None
    dtype: str = "auto"

    @property
    def queue(self) -> str:
        """Name of the Celery queue that serves this pipeline."""
        text = json.dumps([self.model, self.revision, self.variant, self.dtype])
        return "pipeline-" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What one diffusers call takes for the whole batch."""

    pipeline: PipelineKey
    width: int
    height: int
    steps: int
    scheduler: str
    timestep_spacing: str | None
    guidance_scale: float | None


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One image to make.

    Args:
        index: position in the user's order; names the output, never identifies the task.
        seed: 0 to 2**64 - 1; given, or derived from content and position.
        scheduler: canonical name of `farm.steps.schedulers`; ``default`` is what the pipeline came with.
        guidance_scale: None is the pipeline's own default.
        width: pixels, always resolved; height likewise.
        custom_id: the user's own key for the task, carried into ``results.jsonl``.
        meta: columns of a prompt file that are no render field, carried into ``results.jsonl``.
    """

    index: int
    pipeline: PipelineKey
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    scheduler: str
    timestep_spacing: str | None
    guidance_scale: float | None
    width: int
    height: int
    custom_id: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    #: Position of the prompt on its axis; a field of `output.name`, not part of the identity.
    prompt_index: int = 0

    @property
    def batch_key(self) -> BatchKey:
        """The key this task shares with the images it can be batched with."""
        return BatchKey(
            pipeline=self.pipeline,
            width=self.width,
            height=self.height,
            steps=self.steps,
            scheduler=self.scheduler,
            timestep_spacing=self.timestep_spacing,
            guidance_scale=self.guidance_scale,
        )

    def content(self) -> dict[str, Any]:
        """The resolved task without its position and labels: what decides the picture."""
        return {
            "model": self.pipeline.model,
            "revision": self.pipeline.revision,
            "variant": self.pipeline.variant,
            "dtype": self.pipeline.dtype,
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "seed": self.seed,
            "steps": self.steps,
            "scheduler": self.scheduler,
            "timestep_spacing": self.timestep_spacing,
            "guidance_scale": self.guidance_scale,
            "width": self.width,
            "height": self.height,
        }

    @property
    def task_id(self) -> str:
        """blake2b-128 of the canonical JSON of the content, in hex."""
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
