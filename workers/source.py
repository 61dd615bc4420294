"""Where a model is fetched from: the farm's store, where its submitter uploaded it, or a bucket of the manifest's."""

from functools import cached_property
from pathlib import Path
from typing import Protocol

from farm.described import read_index
from farm.errors import DamagedError, ManifestError, ModelError, NoBucketError, NotInStoreError
from farm.files import DiskFiles, StoredFiles
from farm.inventory import File, Inventory
from farm.manifest.task import PipelineKey
from farm.models import s3_place, stored_name
from farm.store import keys
from farm.store.store import Store
from farm.weights import fault, fingerprint, needed


class Source(Protocol):
    """Has a model."""

    #: What a user can do when the model is damaged there; ends a sentence.
    advice: str

    def inventory(self) -> Inventory:
        """What the model consists of; raises `ModelError` or `StoreError`."""

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`, exclusive, of a file; raises `StoreError`."""

    def check(self, inventory: Inventory, folder: Path) -> None:
        """Raise `DamagedError` when what was fetched is not the model, as far as its hashes have not shown it."""


class Uploaded:
    """A folder that its submitter uploaded.

    Args:
        key: the pipeline.
        store: the farm's.
        missing: why it is not loaded from its own path; said when it was not uploaded either.
    """

    def __init__(self, key: PipelineKey, store: Store, *, missing: str) -> None:
        self._key, self._store, self._missing = key, store, missing
        self._place = (stored_name(key.model), str(key.revision))
        self.advice = f"delete {keys.model(*self._place)} there and submit the job again"

    def inventory(self) -> Inventory:
        """As the submitter wrote it when all was uploaded."""
        try:
            found = Inventory.parse(self._store.get(keys.inventory(*self._place, self._key.variant)))
        except NotInStoreError:
            text = self._missing.rstrip(".")
            raise ModelError(f"{text}, or submit the job again with FARM_UPLOAD_MODELS=1.") from None
        if (found.revision, found.variant) != (self._key.revision, self._key.variant):
            raise DamagedError("the list of its files is another model's")
        return found

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes of a file."""
        return self._store.read(keys.model_file(*self._place, path), start, stop)

    def check(self, inventory: Inventory, folder: Path) -> None:
        """The hashes have shown all."""


class Bucket:
    """A place in S3 that the manifest names, read with the farm's own keys.

    Args:
        key: the pipeline.
        store: the farm's.
    """

    def __init__(self, key: PipelineKey, store: Store) -> None:
        place = s3_place(key.model)
        if place is None:
            raise ModelError(f"Model {key.model} is no place in S3: it looks like s3://bucket/folder.")
        self._key, self._store = key, store.beside(*place)
        self.advice = "put it there again and submit the job again"

    @cached_property
    def _files(self) -> StoredFiles:
        return StoredFiles(self._store)

    def inventory(self) -> Inventory:
        """What a pipeline needs of what lies there, if it is what the job was planned with."""
        try:
            self._check_revision()
            index = read_index(self._files, self._key.model)
        except ManifestError as error:
            raise ModelError(f"Model {self._key.model} cannot be loaded: {error.message}") from None
        except NoBucketError as error:
            raise ModelError(f"Model {self._key.model} is not there any more. {error}") from None
        files = [
            File(path=path, bytes=self._files.sizes[path]) for path in needed(self._files, index, self._key.variant)
        ]
        return Inventory(
            model=self._key.model, revision=str(self._key.revision), variant=self._key.variant, files=tuple(files)
        )

    def _check_revision(self) -> None:
        if fingerprint(self._files) != self._key.revision:
            raise ModelError(f"Model {self._key.model} has changed since the job was submitted: submit it again.")

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes of a file."""
        return self._files.read(path, start, stop)

    def check(self, inventory: Inventory, folder: Path) -> None:
        """The place was not changed meanwhile, and every file of weights is whole."""
        self.__dict__.pop("_files", None)
        self._check_revision()
        fetched = DiskFiles(folder)
        for file in inventory.files:
            why = fault(fetched, file.path) if file.path.endswith(".safetensors") else None
            if why:
                raise DamagedError(f"{file.path} {why}")
