"""What a manifest calls a model -> what a worker can load: a Hub id, a folder, a place in S3 or a built-in model."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

from farm import described, hub
from farm.described import wrong
from farm.errors import NoBucketError
from farm.files import DiskFiles, ModelFiles, StoredFiles
from farm.manifest.paths import find
from farm.manifest.place import shown
from farm.steps.policy import Family, find_family
from farm.steps.trained import Trained
from farm.store.store import Store
from farm.weights import fingerprint

BUILTIN, S3 = "builtin:", "s3://"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
#: Most characters of a Hub id.
_HUB_LENGTH = 96 * 2 + 1
_S3 = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]+)/(?P<prefix>[^/].*)")
#: Most characters of a model's name among the keys of the store.
_NAME = 60

#: Bucket and prefix -> the store there.
Buckets = Callable[[str, str], Store]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the plan needs it.

    Args:
        model: Hub id, absolute path of a folder, ``s3://…``, or ``builtin:…``.
        revision: Hub revision, a commit where it is known, or the fingerprint of files.
        family: whose step range holds.
        class_name: the pipeline's class; None where the model is not at hand.
        default_width: pixels; of a model that is not at hand, its family's.
        default_height: pixels.
        trained: which schedulers fit it.
        local: the folder, where there is one.
        multiple: what width and height must be multiples of; a pipeline rounds or refuses anything else.
        ignores: fields of ``render`` that would have no effect.
    """

    model: str
    revision: str | None
    family: Family
    class_name: str | None
    default_width: int
    default_height: int
    trained: Trained
    local: Path | None
    multiple: int = 8
    ignores: tuple[str, ...] = ()

    @property
    def flow(self) -> bool | None:
        """Whether it is a flow-matching model; None where that cannot be told."""
        return self.trained.flow

    @property
    def on_hub(self) -> bool:
        """Whether it is a model of the Hub, which alone has revisions that a user can name."""
        return self.local is None and not self.model.startswith(S3)


def builtin_path(name: str) -> Path:
    """The folder of a built-in model such as ``shapes``; it lies beside this package and is never imported."""
    return Path(__file__).resolve().parent.parent / "workers" / "models" / name


def stored_name(model: str) -> str:
    """What a folder is called in the store and in a worker's cache: nothing in it that could be a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", _folder_name(PurePath(model)))[-_NAME:].strip(".-") or "model"


def s3_place(model: str) -> tuple[str, str] | None:
    """Bucket and prefix of a model in S3; None when it is none."""
    found = _S3.fullmatch(model.rstrip("/"))
    return (found["bucket"], found["prefix"]) if found else None


def resolve(  # noqa: PLR0913 by name
    model: str,
    *,
    revision: str | None = None,
    base: Path | None = None,
    variant: str | None = None,
    family: str | None = None,
    buckets: Buckets | None = None,
) -> ModelInfo:
    """Find a model and check what can be checked from here: nothing is downloaded and no weights are read.

    Args:
        model: what the manifest calls it.
        revision: of a Hub model.
        base: the folder that a relative path starts from; the working directory is looked at next.
        variant: of the weights, such as ``fp16``.
        family: the family the user says it is of.
        buckets: opens a place in S3; by default as the settings say.

    Raises:
        ManifestError: it is not there, or cannot be loaded.
        StoreError: it is in S3, and the store cannot be asked.
    """
    if model.startswith(S3):
        _refuse_revision(model, revision)
        return _in_bucket(model.rstrip("/"), variant, family, buckets or _configured)
    folder = _folder(model, base or Path())
    if folder is None:
        return _on_hub(model, revision, family)
    _refuse_revision(model, revision)
    try:
        return _local(model, folder, variant, family)
    except OSError as error:
        raise wrong(f"the folder {shown(model)} cannot be read: {error.strerror}.") from None


def _refuse_revision(model: str, revision: str | None) -> None:
    if revision is not None:
        raise wrong(f"is given, and {shown(model)} is a folder, which has none: remove it.", "render.revision")


def _local(model: str, folder: Path, variant: str | None, family: str | None) -> ModelInfo:
    files = DiskFiles(folder)
    class_name = _checked(files, model, variant)
    builtin = model.startswith(BUILTIN)
    known = model if builtin else _same_as_builtin(files) or _folder_name(folder)
    return _info(files, model if builtin else str(folder), class_name, _family(known, class_name, family), folder)


def _in_bucket(model: str, variant: str | None, family: str | None, buckets: Buckets) -> ModelInfo:
    place = s3_place(model)
    if place is None:
        raise wrong(f"{shown(model)} must look like s3://bucket/folder.")
    try:
        files = StoredFiles(buckets(*place))
        class_name = _checked(files, model, variant)
    except NoBucketError as error:
        raise wrong(f"{shown(model)} is not there. {error}") from None
    known = _same_as_builtin(files) or _folder_name(PurePath(place[1]))
    return _info(files, model, class_name, _family(known, class_name, family), None)


def _configured(bucket: str, prefix: str) -> Store:
    from farm.settings import Settings
    from farm.store.s3 import S3Store

    return S3Store.from_settings(Settings.load()).beside(bucket, prefix)


def _checked(files: ModelFiles, model: str, variant: str | None) -> str:
    """The class of a pipeline whose files are all there."""
    index = described.read_index(files, model)
    described.check_components(files, model, index, variant)
    return str(index["_class_name"])


def _info(files: ModelFiles, model: str, class_name: str, family: Family, folder: Path | None) -> ModelInfo:
    size = described.default_size(files)
    return ModelInfo(
        model=model,
        revision=fingerprint(files),
        family=family,
        class_name=class_name,
        default_width=size,
        default_height=size,
        trained=described.trained(files, class_name),
        local=folder,
        multiple=described.multiple(files, class_name),
        ignores=described.ignored(files, class_name),
    )


def _same_as_builtin(files: ModelFiles) -> str | None:
    """The built-in model whose design this one has, as a copy of it or one that was trained on has; or None."""
    own = described.architecture(files)
    for index in builtin_path("").glob("*/model_index.json"):
        if own and own == described.architecture(DiskFiles(index.parent)):
            return BUILTIN + index.parent.name
    return None


def _folder_name(folder: PurePath) -> str:
    """A folder's name; of a snapshot in the Hub's cache, the model's."""
    return next((part for part in reversed(folder.parts) if part.startswith("models--")), folder.name)


def _folder(model: str, base: Path) -> Path | None:
    """The local folder a model's name means; None when it means a Hub id."""
    if model.startswith(BUILTIN):
        return _builtin(model)
    found = find(model, base)
    if found is None:
        if _HUB.fullmatch(model) and len(model) <= _HUB_LENGTH:
            return None
        raise wrong(f"there is no folder {shown(model)}, and a Hub id looks like org/name.")
    if not found.is_dir():
        raise wrong(
            f"{shown(model)} is a file: give the folder of a diffusers pipeline, the one with model_index.json."
        )
    return found.resolve()


def _builtin(model: str) -> Path:
    name = model.removeprefix(BUILTIN)
    folder = builtin_path(name)
    if not re.fullmatch(r"\w+", name) or not (folder / "model_index.json").is_file():
        known = sorted(path.parent.name for path in builtin_path("").glob("*/model_index.json"))
        raise wrong(f"there is no built-in model {name[:60]!r}; there is {', '.join(map(BUILTIN.__add__, known))}.")
    return folder


def _on_hub(model: str, revision: str | None, family: str | None) -> ModelInfo:
    """A model of the Hub, pinned to the commit that its revision stands for where that can be known."""
    found = hub.look_up(model, revision)
    files = DiskFiles(found.folder) if found.folder else None
    class_name = str(described.read_index(files, model)["_class_name"]) if files else found.class_name
    if class_name is not None:
        described.check_class(class_name, model)
    kind = _family(model, class_name, family)
    whole = files if files and described.architecture(files) else None
    size = described.default_size(whole) if whole else kind.size
    return ModelInfo(
        model=model,
        revision=found.commit or revision,
        family=kind,
        class_name=class_name,
        default_width=size,
        default_height=size,
        trained=_trained(files, class_name, kind),
        local=None,
        multiple=described.multiple(whole, class_name or "") if whole else _multiple_of(kind),
        ignores=described.ignored(whole, class_name or "") if whole else (),
    )


def _trained(files: ModelFiles | None, class_name: str | None, family: Family) -> Trained:
    """How a model of the Hub was trained; where its scheduler is not at hand, its class or its name may tell."""
    if files and described.config(files, "scheduler"):
        return described.trained(files, class_name or "")
    flow = family.flow or Trained.FLOW_CLASSES.match(class_name or "") is not None
    return Trained(flow=True if flow else None, class_name=class_name)


def _multiple_of(family: Family) -> int:
    return 16 if family.name.startswith("flux") else 8


def _family(name: str, class_name: str | None, override: str | None) -> Family:
    try:
        return find_family(name, class_name, override)
    except ValueError as error:
        raise wrong(str(error), "render.family") from None
