from tests.bench.load import Load
from tests.bench.traffic import Heard, attributed, row, size_of

NAMES = {"127.0.0.1:5": "stepfarm-worker", "127.0.0.1:6": ""}


def told(command: str, port: str = "5", kind: str = "tcp") -> dict[str, str]:
    """A command as `MONITOR` tells it."""
    return {"client_type": kind, "client_address": "127.0.0.1", "client_port": port, "command": command}


def test_the_size_is_that_on_the_wire() -> None:
    """An array of bulk strings: their number, and a length and a line for each; characters may have several bytes."""
    assert size_of(["GET", "k"]) == len(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")
    assert size_of(["GET", "é"]) == size_of(["GET", "k"]) + 1


def test_commands_are_told_apart_by_who_asks() -> None:
    """By the name of the connection; what a script does inside Redis never travels."""
    heard = [told("hget a b"), told("PING", "6"), told("GET a", kind="lua"), told("GET a", "7")]
    assert [(each.who, each.command) for each in attributed(heard, NAMES)] == [
        ("worker", "HGET"),
        ("others", "PING"),
        ("others", "GET"),
    ]


def test_figures_are_by_the_image() -> None:
    """A row says commands and bytes per image, and who asks."""
    counted = {"total_net_input_bytes": 2400, "total_net_output_bytes": 4800}
    heard = [Heard("worker", "GET", 48)] * 24 + [Heard("heart", "HSET", 24)] * 24
    found = row(Load(seeds=3), counted, heard, 12.0)
    assert found.figure == "2.0 commands, 100 B in, 200 B out"
    assert "heart 1.0 commands 24 B, worker 1.0 commands 48 B" in found.note
    assert found.values["kinds"] == {"worker": {"GET": 24}, "heart": {"HSET": 24}}
