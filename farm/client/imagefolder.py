"""A data set that Hugging Face's ``datasets`` reads as ``imagefolder``: ``train/``, and ``train/metadata.jsonl``.

The layout is the library's own (huggingface.co/docs/datasets/image_dataset): ``file_name`` is relative to the metadata
file. A folder named ``train`` keeps words such as *test* in a picture's name from being taken for another split.
"""

from farm.client.bring import Source, bring
from farm.client.folder import Folder
from farm.client.labels import line, row
from farm.client.tally import Tally

TRAIN = "train"
METADATA = "metadata.jsonl"


def write_imagefolder(source: Source, folder: Folder, tally: Tally) -> None:
    """Bring every picture, and write a line about each one that is there."""
    plan = source.plan
    lines = (line(row(plan.task(picture.position), picture.name)) for picture in bring(source, folder, TRAIN, tally))
    folder.write(folder.path / TRAIN / METADATA, lines)
