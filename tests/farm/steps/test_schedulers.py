"""Schedulers under every name people use."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.steps.schedulers import (
    SCHEDULERS,
    SPACINGS,
    Kind,
    Scheduler,
    canonical,
    denoiser_calls,
    effective_steps,
    fits,
)

#: What the farm promises at least.
PROMISED = ["euler", "euler-a", "ddim", "dpm++2m", "dpm++2m-karras", "dpm++2m-sde", "unipc", "lcm", "heun", "default"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Euler", "euler"),
        ("Euler a", "euler-a"),
        ("k_euler_ancestral", "euler-a"),
        ("EulerAncestralDiscreteScheduler", "euler-a"),
        ("DDIM", "ddim"),
        ("DDIMScheduler", "ddim"),
        ("DPM++ 2M", "dpm++2m"),
        ("dpmpp_2m", "dpm++2m"),
        ("k_dpmpp_2m", "dpm++2m"),
        ("DPMSolverMultistepScheduler", "dpm++2m"),
        ("DPM++ 2M Karras", "dpm++2m-karras"),
        ("dpm++2m-karras", "dpm++2m-karras"),
        ("DPM++ 2M SDE", "dpm++2m-sde"),
        ("dpmpp_2m_sde", "dpm++2m-sde"),
        ("DPM++ 3M SDE Karras", "dpm++3m-sde-karras"),
        ("DPM2 a", "dpm2-a"),
        ("KDPM2AncestralDiscreteScheduler", "dpm2-a"),
        ("UniPC", "unipc"),
        ("uni_pc", "unipc"),
        ("LCM", "lcm"),
        ("Heun", "heun"),
        ("PLMS", "pndm"),
        ("default", "default"),
        ("FlowMatchEulerDiscreteScheduler", "flow-euler"),
        ("euler normal", "euler"),
        ("euler_ancestral normal", "euler-a"),
        ("euler_ancestral simple", "euler-a"),
        ("dpmpp_2m karras", "dpm++2m-karras"),
        ("dpmpp_2m normal", "dpm++2m"),
        ("dpmpp_2m_sde karras", "dpm++2m-sde-karras"),
        ("dpmpp_2m_sde_gpu karras", "dpm++2m-sde-karras"),
        ("dpmpp_3m_sde_gpu", "dpm++3m-sde"),
        ("dpmpp_sde karras", "dpm++sde-karras"),
        ("dpmpp_sde_gpu", "dpm++sde"),
        ("dpm_2", "dpm2"),
        ("dpm_2 karras", "dpm2-karras"),
        ("dpm_2_ancestral", "dpm2-a"),
        ("dpm_2_ancestral karras", "dpm2-a-karras"),
        ("heun karras", "heun-karras"),
        ("uni_pc normal", "unipc"),
        ("uni_pc_bh2 karras", "unipc-karras"),
        ("ddim normal", "ddim"),
        ("lcm simple", "lcm"),
        ("DPM++ SDE Karras", "dpm++sde-karras"),
        ("DPM++ 2M SDE Karras", "dpm++2m-sde-karras"),
        ("DPM2 a Karras", "dpm2-a-karras"),
        ("DPM++ 2M Karras Karras", "dpm++2m-karras"),
        ("DPM++ 2M Automatic", "dpm++2m"),
        ("Euler A", "euler-a"),
        ("euler_a", "euler-a"),
        ("euler_k", "euler-karras"),
        ("dpmpp_2m_sde_k", "dpm++2m-sde-karras"),
        ("unipc_k", "unipc-karras"),
        ("Default", "default"),
    ],
)
def test_a_scheduler_by_any_name(name: str, expected: str) -> None:
    """As other programs write them."""
    assert canonical(name) == expected


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_answers_to_its_own_names(name: str) -> None:
    """The canonical name is canonical, and the class's and sampler's names lead to a scheduler of that class."""
    scheduler = SCHEDULERS[name]
    assert canonical(name) == scheduler.name == name
    if scheduler.class_name is not None:
        assert SCHEDULERS[canonical(scheduler.class_name)].class_name == scheduler.class_name
    if not scheduler.flow:
        assert canonical(scheduler.sampler_name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("eular", "did you mean euler?"),
        ("dpm++2n", "did you mean dpm++2m?"),
        ("zzzz", "there are default, euler,"),
        ("euler_ancestral karras", "euler-a has no karras schedule here; take euler-a."),
        ("euler sgm_uniform", "euler has no sgmuniform schedule here; take euler."),
        ("DPM++ 2M Exponential", "dpm++2m has no exponential schedule here; take dpm++2m."),
        ("karras", "'karras' is no scheduler"),
    ],
)
def test_a_name_that_is_none(name: str, said: str) -> None:
    """The nearest, or all there are."""
    with pytest.raises(ValueError, match=re.escape(said)):
        canonical(name)


def test_the_promised_ones_are_there() -> None:
    """The list of the issue, as names of people."""
    assert set(PROMISED) <= set(SCHEDULERS)
    assert SPACINGS == ("linspace", "leading", "trailing")


def test_a_flow_model_takes_its_own_kind() -> None:
    """What the pipeline came with always fits; the rest fits one side only."""
    assert [name for name in SCHEDULERS if fits(name, flow=True)] == ["default", "flow-euler", "flow-heun"]
    assert {name for name in SCHEDULERS if fits(name, flow=False)} == set(SCHEDULERS) - {"flow-euler", "flow-heun"}


@pytest.mark.parametrize(
    ("name", "calls"), [("heun", 39), ("pndm", 21), ("euler", 20), ("dpm2", 39), ("flow-heun", 39), ("default", 20)]
)
def test_calls_of_the_denoiser(name: str, calls: int) -> None:
    """Counted apart from the steps, which are what was asked for."""
    assert denoiser_calls(name, 20) == calls
    assert effective_steps(name, 20) == 20


def test_the_classes_of_samplers() -> None:
    """What the step policy goes by."""
    assert SCHEDULERS["euler"].kind is SCHEDULERS["lcm"].kind is Kind.FAST
    assert SCHEDULERS["dpm++2m-sde"].kind is SCHEDULERS["dpm++3m"].kind is Kind.DETAIL
    assert SCHEDULERS["euler-a"].kind is SCHEDULERS["dpm++sde"].kind is Kind.STOCHASTIC


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers' own, of numpy 2
def test_diffusers_has_them_and_they_step() -> None:
    """Each class takes its overrides over the built-in model's own configuration, and calls as often as said."""
    diffusers = pytest.importorskip("diffusers")
    import json

    from farm.models import builtin_path

    config = json.loads((builtin_path("shapes") / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    for scheduler in SCHEDULERS.values():
        if scheduler.class_name is None:
            continue
        made = getattr(diffusers, scheduler.class_name).from_config(config, **scheduler.overrides)
        made.set_timesteps(20)
        assert len(made.timesteps) == denoiser_calls(scheduler.name, 20), scheduler.name


_SPELLINGS = [
    str.upper,
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "-"),
    lambda name: name.replace(" ", ""),
    lambda name: name.replace("++", "pp"),
    lambda name: f"k_{name}" if name.lower().startswith(("euler", "dpm", "heun")) else name,
    lambda name: name.replace(" a", "_ancestral") if name.startswith(("Euler a", "DPM2 a")) else name,
    lambda name: name if name.endswith(("Karras", "_K")) else f"{name} normal",
    lambda name: f"{name} Karras" if name.endswith("Karras") else name,
]


@given(st.sampled_from([each for each in SCHEDULERS.values() if not each.flow]), st.lists(st.sampled_from(_SPELLINGS)))
def test_a_name_comes_back_however_it_is_spelled(scheduler: Scheduler, spellings: list[Callable[[str], str]]) -> None:
    """The canonical name and the sampler's, as A1111, ComfyUI, k-diffusion and people write them, one on another."""
    spelled = scheduler.sampler_name
    for spell in dict.fromkeys(spellings):
        spelled = spell(spelled)
    assert canonical(spelled) == scheduler.name
    assert canonical(scheduler.name.upper()) == scheduler.name


@given(st.text(max_size=20) | st.sampled_from(sorted(SCHEDULERS)).flatmap(lambda name: st.just(name.upper())))
def test_a_name_is_canonical_or_none(name: str) -> None:
    """Whatever people write; and a canonical name stays what it is."""
    try:
        found = canonical(name)
    except ValueError:
        assert name.lower() not in SCHEDULERS
    else:
        assert canonical(found) == found
