"""What Redis hears for one image: commands and bytes, and from whom."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import redis

from tests.bench.load import Load
from tests.bench.table import Row
from tests.bench.world import World, world

COMMAND = "python -m tests.bench traffic"
#: Seconds between two looks of the bench itself, whose commands count too.
LOOK = 1.0
#: How connections name themselves.
PREFIX = "stepfarm-"


@dataclass(frozen=True, slots=True)
class Heard:
    """One command, as Redis heard it."""

    who: str
    command: str
    size: int


def size_of(words: Iterable[str]) -> int:
    """Bytes of a command on the wire: ``*<n>``, and a length and a line for every word."""
    lengths = [len(word.encode()) for word in words]
    return len(f"*{len(lengths)}\r\n") + sum(len(f"${length}\r\n") + length + 2 for length in lengths)


def attributed(heard: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[Heard]:
    """Commands with who asked them; what scripts do inside Redis is left out: it never travels.

    Args:
        heard: answers of ``MONITOR``.
        names: address -> name of the connection.
    """
    found = []
    for each in heard:
        if each["client_type"] == "lua":
            continue
        who = names.get(f"{each['client_address']}:{each['client_port']}", "").removeprefix(PREFIX) or "others"
        words = each["command"].split(" ")
        found.append(Heard(who, words[0].upper(), size_of(words)))
    return found


class Listener:
    """Hears every command from `start` to `stop`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._heard: list[Mapping[str, Any]] = []
        self._names: dict[str, str] = {}
        self._ready, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def start(self) -> None:
        """Begin; returns when Redis tells."""
        self._learn()
        self._thread.start()
        self._ready.wait()

    def stop(self) -> list[Heard]:
        """End; what was heard."""
        self._learn()
        self._stopped.set()
        self._client.echo("over")
        self._thread.join()
        return attributed(self._heard, self._names)

    def _learn(self) -> None:
        self._names |= {each["addr"]: each["name"] for each in self._client.client_list()}

    def _listen(self) -> None:
        with self._client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py
            self._ready.set()
            while not self._stopped.is_set():
                self._heard.append(monitor.next_command())


def measure(load: Load) -> list[Row]:
    """One job on a warm worker: bytes by Redis's own counters, then who asks by listening to another job."""
    with world() as place:
        place.finish(place.submit(replace(load, seeds=1).manifest("warm-up")))
        counted = _counted(place, load)
        listener = Listener(place.ledger.redis)
        began = time.perf_counter()
        listener.start()
        place.finish(place.submit(load.manifest("heard")), look=LOOK)
        seconds = time.perf_counter() - began
        heard = listener.stop()
    return [row(load, counted, heard, seconds)]


def _counted(place: World, load: Load) -> dict[str, int]:
    """What Redis counts itself, for one job."""
    before = place.ledger.redis.info("stats")
    place.finish(place.submit(load.manifest("counted")), look=LOOK)
    after = place.ledger.redis.info("stats")
    names = ("total_net_input_bytes", "total_net_output_bytes", "total_commands_processed")
    return {name: after[name] - before[name] for name in names}


def row(load: Load, counted: Mapping[str, int], heard: list[Heard], seconds: float) -> Row:
    """The row of what was counted and heard."""
    commands, sent = Counter(each.who for each in heard), Counter[str]()
    for each in heard:
        sent[each.who] += each.size
    told = ", ".join(
        f"{who} {commands[who] / load.images:.1f} commands {sent[who] / load.images:.0f} B" for who in sorted(commands)
    )
    taken, given = (counted[f"total_net_{way}put_bytes"] / load.images for way in ("in", "out"))
    return Row(
        "Redis per image",
        f"{len(heard) / load.images:.1f} commands, {taken:.0f} B in, {given:.0f} B out",
        COMMAND,
        note=f"{load}, ranges of {load.range}, {seconds:.1f} s from submit to done; {told}. Heartbeats, renewals and "
        f"the coordinator's looks come by the second ({len(heard) / seconds:.0f} commands/s in all), not by the image.",
        values={
            "commands": dict(commands),
            "bytes": dict(sent),
            "kinds": {who: dict(Counter(each.command for each in heard if each.who == who)) for who in commands},
            "seconds": seconds,
            "images": load.images,
            "counted": dict(counted),
        },
    )
