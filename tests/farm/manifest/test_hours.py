from __future__ import annotations

import re
from typing import Any

import pytest

from farm.economics.window import zone_of
from farm.errors import ManifestError
from farm.manifest.hours import freeze, local_zone
from farm.manifest.model import load
from farm.manifest.place import Place


def frozen(**run: Any) -> dict[str, Any]:
    """The section as it is kept, written on 2026-11-21 at 04:30 UTC in Berlin."""
    return freeze(run, Place(), now=lambda: 1_795_235_400.0, zone=lambda: "Europe/Berlin")


def test_hours_are_kept_with_their_zone() -> None:
    """A worker, a coordinator and a reader elsewhere mean the same hours."""
    assert frozen(window="22:00-07:00", finish_by="07:00", priority=3) == {
        "window": "22:00-07:00 Europe/Berlin",
        "finish_by": "2026-11-21T07:00+01:00",
        "priority": 3,
    }


def test_nothing_is_added_where_nothing_was_said() -> None:
    """A job without hours runs at any."""
    assert frozen(window=None) == {"window": None}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"window": "7:00-7:00"}, "run.window: '7:00-7:00' never opens"),
        ({"window": ["22:00-07:00"]}, "run.window: must be text"),
        ({"finish_by": "2026-11-21 05:30"}, "run.finish_by: '2026-11-21 05:30' lies in the past."),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(run: dict[str, Any], said: str) -> None:
    """Before anything is submitted."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        frozen(**run)


def test_a_manifest_freezes_its_hours() -> None:
    """In the zone of the machine that submits it."""
    run = load({"render": {"model": "org/thing", "prompt": "a"}, "run": {"window": "22:00-07:00"}}).run
    assert run.window == f"22:00-07:00 {local_zone()}"
    assert run.deadline is None


def test_this_machine_has_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one it names, and UTC where what it names is none."""
    assert zone_of(local_zone())
    monkeypatch.setattr("tzlocal.get_localzone_name", lambda: "local")
    assert local_zone() == "UTC"
