from typing import Any

import pytest
import torch

from farm.profile.seconds import Kind
from workers.probe import Probe
from workers.timing import HostClock, Timeline


class Scheduler:
    """Steps, and is of an order."""

    order = 2

    def step(self, value: int) -> int:
        """Count on."""
        return value + 1


class Pipe:
    """Calls back as it is written, encodes, denoises and decodes."""

    class Vae:
        """Decodes to twice."""

        def decode(self, latents: int, *, scale: int = 2) -> int:
            """Twice."""
            return latents * scale

    def __init__(self) -> None:
        self.scheduler, self.vae = Scheduler(), self.Vae()
        self.transformer = torch.nn.Identity()

    def encode_prompt(self, prompt: str) -> str:
        """Loud."""
        return prompt.upper()

    def __call__(self, prompt: str, calls: int = 3) -> tuple[str, int]:
        """A picture."""
        text, value = self.encode_prompt(prompt), 0
        for _ in range(calls):
            self.transformer(torch.zeros(1))
            value = self.scheduler.step(value)
        return text, self.vae.decode(value, scale=10)


@pytest.fixture
def pipe() -> Pipe:
    """A pipeline that knows no callbacks."""
    return Pipe()


def test_a_call_is_watched_without_its_knowing(pipe: Pipe) -> None:
    """Phases, steps, calls of the denoiser, and what the VAE was given."""
    steps: list[int] = []
    timeline = Timeline(HostClock())
    timeline.enter(Kind.ENCODE_PROMPT)
    probe = Probe(pipe, timeline, steps.append)
    with probe.attached() as hooks:
        assert hooks == {}
        assert pipe("a cat") == ("A CAT", 30)
    assert steps == [1, 1, 2]
    assert probe.denoiser_calls == 3
    assert probe.latents == ((3,), {"scale": 10})
    assert probe.decoded == 30
    assert [phase.kind for phase in timeline.read().phases] == [
        Kind.ENCODE_PROMPT, Kind.DENOISE, Kind.DECODE, Kind.POST
    ]  # fmt: skip


def test_the_pipeline_is_left_as_it_was(pipe: Pipe) -> None:
    """Also after an error: nothing hangs on it any more."""

    def stop(_step: int) -> None:
        raise KeyError

    with pytest.raises(KeyError), Probe(pipe, Timeline(HostClock()), stop).attached():
        pipe("a cat")
    assert set(vars(pipe)) == {"scheduler", "vae", "transformer"}
    assert vars(pipe.vae) == vars(pipe.scheduler) == {}
    assert not pipe.transformer._forward_pre_hooks


def test_a_pipeline_with_nothing_to_hang_on_is_timed_by_its_denoiser() -> None:
    """Where no method of that name encodes prompts, the first pass of the denoiser ends that phase."""

    class Bare(Pipe):
        encode_prompt = None  # type: ignore[assignment]  # this pipeline has none

        def __call__(self, prompt: str, calls: int = 1) -> tuple[str, int]:
            """Encodes by itself."""
            self.transformer(torch.zeros(1))
            return prompt, calls

    bare, timeline = Bare(), Timeline(HostClock())
    timeline.enter(Kind.ENCODE_PROMPT)
    bare.vae = None  # type: ignore[assignment]  # this pipeline has none
    with Probe(bare, timeline, lambda _step: None).attached():
        bare("a cat")
    assert [phase.kind for phase in timeline.read().phases] == [Kind.ENCODE_PROMPT, Kind.DENOISE]


def test_memory_that_runs_out_while_decoding_is_remembered(pipe: Pipe) -> None:
    """Sana's pipeline takes it for a warning, and fails over the picture it then lacks."""

    def burst(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError

    pipe.vae.decode = burst  # type: ignore[method-assign]  # a fault
    timeline = Timeline(HostClock())
    timeline.enter(Kind.ENCODE_PROMPT)
    probe = Probe(pipe, timeline, lambda _step: None)
    assert not probe.out_of_memory
    with pytest.raises(torch.OutOfMemoryError), probe.attached():
        pipe("a cat")
    assert probe.out_of_memory


@pytest.mark.parametrize(
    ("signature", "hook", "order"),
    [("callback_on_step_end=None", "callback_on_step_end", 2), ("callback=None, callback_steps=1", "callback", 1)],
)
def test_the_pipelines_own_callback_is_preferred(signature: str, hook: str, order: int) -> None:
    """The newer one where there is one, else the older, which counts positions and not calls."""
    scope: dict[str, Any] = {}
    exec(f"def call(self, prompt, {signature}): ...", scope)  # noqa: S102 a signature made to order
    kind = type("Calling", (Pipe,), {"__call__": scope["call"]})
    probe = Probe(kind(), Timeline(HostClock()), lambda _step: None)
    with probe.attached() as hooks:
        assert hook in hooks
        assert probe.order == order
