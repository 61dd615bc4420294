"""Every error a user can cause, as one tree.

    FarmError                 exit 1
    ├── UsageError            exit 2   a wrong option, a folder in the way
    ├── ManifestError         exit 2   the manifest, a prompt file or a local model: file, line and field
    ├── ServiceError          exit 3   a service cannot be reached or refuses us
    │   ├── LedgerError                Redis
    │   └── StoreError                 S3
    │       ├── NotInStoreError        the object is not there
    │       └── NoBucketError          nor is the bucket
    ├── DamagedError          exit 1   an object of a job is not what was written: concerns that job alone
    ├── NoSuchJobError        exit 4
    ├── ModelError            a pipeline cannot be loaded on this worker: charges the worker, not the task
    └── RenderError           one image cannot be made: charges the task

The text of an error is one sentence for a person: what is wrong, where, and what to do. The command line prints
it as it is, so it never holds a traceback, a password or a class name.
"""

from typing import ClassVar


class FarmError(Exception):
    """Root of everything the farm raises on purpose; its text is a sentence for the user."""

    #: The process exit code when this error ends a command.
    exit_code: ClassVar[int] = 1


class UsageError(FarmError):
    """The command was asked for something it cannot do."""

    exit_code = 2


class ManifestError(FarmError):
    """The manifest or a file it names is wrong.

    Args:
        message: what is wrong and what was expected.
        file: the file it is wrong in, as the user named it.
        line: line in that file, counted from 1.
        field: dotted path of the field, such as ``render.steps``.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, field: str | None = None
    ) -> None:
        self.message, self.file, self.line, self.field = message, file, line, field
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (place, field, message) if part))


class ServiceError(FarmError):
    """A service the farm stands on cannot be reached or refuses the farm's credentials."""

    exit_code = 3


class LedgerError(ServiceError):
    """Redis cannot be reached or refuses us."""


class StoreError(ServiceError):
    """The S3 store cannot be reached or refuses us."""


class NotInStoreError(StoreError):
    """The store answered, and the object is not there.

    Args:
        key: the key that was asked for.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The store has no object {key}.")


class NoBucketError(StoreError):
    """The store answered, and the bucket is not there."""


class DamagedError(FarmError):
    """An object in the store is not what a farm writes; asking again gives the same bytes."""


class NoSuchJobError(FarmError):
    """No job has this id.

    Args:
        job_id: the id or name the user gave.
    """

    exit_code = 4

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"There is no job {job_id!r}: `farm list` shows the jobs of this farm.")


class ModelError(FarmError):
    """A pipeline cannot be loaded; says which model and why."""


class RenderError(FarmError):
    """One image cannot be made; says why."""
