"""Batch files of OpenAI, as its documentation shows them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farm.errors import ManifestError
from farm.manifest.model import Manifest, load
from farm.manifest.openai import is_batch

Write = Callable[[str, str | bytes], Path]
RowsOf = Callable[..., list[dict[str, Any]]]
MODELS = {"gpt-image-1": "org/thing"}


def request(custom_id: Any = "a", **body: Any) -> dict[str, Any]:
    """One request of a batch."""
    body = {"model": "gpt-image-1", "prompt": "a mug"} | body
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/images/generations", "body": body}


@pytest.fixture
def batch(write: Write) -> Callable[..., Manifest]:
    """The manifest of some requests."""

    def make(*requests: Any, overrides: tuple[str, ...] = ()) -> Manifest:
        path = write("batch.jsonl", "\n".join(json.dumps(each) for each in requests))
        return load(path, overrides=overrides, models=lambda: MODELS)

    return make


Batch = Callable[..., Manifest]


def test_requests_are_tasks(batch: Batch, rows_of: RowsOf) -> None:
    """With their key, their size, and our own fields beside theirs."""
    made = batch(request("a", size="1024x768", seed=7), request(2, prompt="a cup", size="auto", num_inference_steps=9))
    assert rows_of(made, "custom_id", "prompt", "width", "height", "seed", "steps", "model") == [
        {"custom_id": "a", "prompt": "a mug", "width": 1024, "height": 768, "seed": 7, "steps": None}
        | {"model": "org/thing"},
        {"custom_id": "2", "prompt": "a cup", "width": None, "height": None, "seed": None, "steps": 9}
        | {"model": "org/thing"},
    ]
    assert made.name == "batch"


def test_n_pictures_of_one_request(batch: Batch, rows_of: RowsOf) -> None:
    """Each has the request's key; a seed that is given counts up, one that is not is left to be derived."""
    made = batch(request("a", n=3, seed=7), request("b", n=2), request("c", n=None))
    assert [(row["custom_id"], row["seed"]) for row in rows_of(made, "custom_id", "seed")] == [
        ("a", 7),
        ("a", 8),
        ("a", 9),
        ("b", None),
        ("b", None),
        ("c", None),
    ]


def test_what_means_nothing_here_is_said_once(batch: Batch, rows_of: RowsOf) -> None:
    """And what nobody knows is carried."""
    made = batch(*(request(str(i), quality="hd", response_format="url", user="u1", style=None) for i in range(3)))
    assert list(made.notes) == [
        f"Not used from {made.place.file}, since they mean nothing here: quality, response_format.",
        f"Carried as meta from {made.place.file}: user.",
    ]
    assert rows_of(made, "meta") == [{"meta": {"user": "u1"}}] * 3


def test_a_model_for_all(batch: Batch, rows_of: RowsOf) -> None:
    """What is set outranks the requests, whatever they name."""
    made = batch(request(model="dall-e-3"), request(model="dall-e-2"), overrides=("render.model=org/other",))
    assert rows_of(made, "model") == [{"model": "org/other"}] * 2


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (request() | {"method": "GET"}, ":2: method: must be POST, and 'GET'"),
        (request() | {"url": "/v1/chat/completions"}, ":2: url: must be /v1/images/generations, the one kind"),
        (request() | {"body": "a mug"}, ":2: body: must be the request"),
        ({"prompt": "a mug"}, ":2: method: must be POST, and 'None'"),
        (request(n=0), ":2: body.n: must be a whole number from 1 to 1000, and 0 is not."),
        (request(n="many"), ":2: body.n: must be a whole number"),
        (request(n=2, seed=-1), ":2: body.seed: must be a whole number"),
        (request(n=2, seed=2**64 - 1), ":2: body.seed: must be a whole number"),
        (request(size="huge"), ":2: body.size: must be WIDTHxHEIGHT"),
        (request(prompt=None), ":2: body.prompt: this row has no prompt."),
        (request(prompt=["a"]), ":2: body.prompt: must be text"),
        (request(num_inference_steps=3, steps=4), ":2: body.steps: means the same as num_inference_steps"),
        (request(image="a.png"), ":2: body.image: "),
        (request(custom_id=[1]), ":2: custom_id: must be text"),
        (request(model="dall-e-3"), ":2: body.model: 'dall-e-3' is no model of this farm: say in farm.toml"),
    ],
)
def test_a_bad_request_has_its_line(batch: Batch, second: Any, said: str) -> None:
    """And its field; nothing is submitted."""
    with pytest.raises(ManifestError, match=re.escape(said)):
        batch(request(), second)


def test_a_table_with_some_of_its_columns_is_a_table(write: Write) -> None:
    """Only a line with the three that say where a request goes is a request."""
    from farm.manifest.formats import open_rows

    for name, text in (("a.jsonl", '{"custom_id": "a", "prompt": "b"}'), ("a.csv", "method,url,body\na,b,c\n")):
        assert not is_batch(open_rows(write(name, text), name))
