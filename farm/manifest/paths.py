"""Files and folders that a manifest names."""

from pathlib import Path


def find(name: str, base: Path) -> Path | None:
    """A file or folder beside the manifest, else in the working directory; None when it is in neither.

    Args:
        name: as the user wrote it; ``~`` is their home.
        base: the manifest's folder.
    """
    try:
        path = Path(name).expanduser()
        return next((each for each in (base / path, path) if each.exists()), None)
    except (OSError, ValueError, RuntimeError):  # too long, a null character, a home that is nobody's
        return None
