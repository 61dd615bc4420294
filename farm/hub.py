"""What can be known of a Hub id before any worker loads it: from the Hub's cache on this machine, else from the Hub.

Nothing of a model is downloaded. The variables are the Hub's own: ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_ENDPOINT``,
``HF_HUB_OFFLINE``, ``HF_TOKEN``.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A commit of the Hub; a branch or a tag may move.
COMMIT = re.compile(r"[0-9a-f]{40}")
#: Seconds the Hub has to say which commit a branch is: a submit waits for it.
_PATIENCE = 3.0
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a model on the Hub.

    Args:
        commit: what the revision stands for now; None when nobody could say.
        folder: its snapshot in the cache, perhaps without weights; None when there is none.
        class_name: the pipeline's class, where the Hub says it.
    """

    commit: str | None = None
    folder: Path | None = None
    class_name: str | None = None


def look_up(model: str, revision: str | None) -> Found:
    """Find a model's commit and what lies of it in the cache; the Hub is asked only for what the cache cannot tell."""
    place = _cache() / f"models--{model.replace('/', '--')}"
    commit = _commit(place, revision or "main")
    if commit is None:
        asked = _ask(model, revision or "main")
        return Found(asked.commit, _snapshot(place, asked.commit), asked.class_name)
    return Found(commit, _snapshot(place, commit))


def _cache() -> Path:
    """The folder that the Hub's own client keeps its models in."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if value := os.environ.get(name):
            return Path(value).expanduser()
    return _home() / "hub"


def _home() -> Path:
    given = os.environ.get("HF_HOME")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return (Path(given) if given else usual).expanduser()


def _commit(place: Path, revision: str) -> str | None:
    """The commit of a branch or tag as the cache has it; of a commit, itself."""
    if COMMIT.fullmatch(revision):
        return revision
    if ".." in revision.split("/"):
        return None
    try:
        found = (place / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return found if COMMIT.fullmatch(found) else None


def _snapshot(place: Path, commit: str | None) -> Path | None:
    folder = place / "snapshots" / (commit or "none")
    return folder if (folder / "model_index.json").is_file() else None


def _ask(model: str, revision: str) -> Found:
    """What the Hub answers; nothing when it does not, may not or must not be asked."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in _TRUE:
        return Found()
    from urllib.error import URLError
    from urllib.parse import quote
    from urllib.request import Request, urlopen

    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        return Found()
    request = Request(f"{endpoint}/api/models/{model}/revision/{quote(revision, safe='')}", headers=_headers())  # noqa: S310 http only, see above
    try:
        with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 as above
            return _read(json.load(answer))
    except (URLError, OSError, ValueError):
        return Found()


def _headers() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN") or _kept_token()
    return {"User-Agent": "stepfarm"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _kept_token() -> str:
    """The token that the Hub's own client was logged in with."""
    path = Path(os.environ.get("HF_TOKEN_PATH") or _home() / "token").expanduser()
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return token if token.isprintable() else ""


def _read(answer: Any) -> Found:
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        return Found()
    config = answer.get("config")
    described = config.get("diffusers") if isinstance(config, dict) else None
    class_name = described.get("_class_name") if isinstance(described, dict) else None
    return Found(commit, class_name=class_name if isinstance(class_name, str) else None)
