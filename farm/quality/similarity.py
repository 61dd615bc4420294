"""How alike two pictures are: SSIM as an eye sees them, PSNR pixel by pixel."""

import io
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

#: Shorter edge in pixels that SSIM is computed at, about: larger pictures are averaged down by a whole factor first.
EDGE = 256
#: Window of SSIM in pixels: a picture with a shorter edge cannot be compared.
WINDOW = 11
#: Decibels that stand for two equal pictures, whose ratio would be infinite.
MOST_DB = 100.0


def opened(data: bytes) -> "Image | None":
    """A picture's pixels in RGB; None of what is no picture, or too small to be compared."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None
    return picture if min(picture.size) >= WINDOW else None


def ssim(one: "Image", other: "Image") -> float:
    """How alike two pictures of one size look: 1 for equal ones, about 0 for unrelated ones.

    The mean over the colour channels with Gaussian windows of 1.5 pixels, on pictures averaged down by ``round(shorter
    edge / 256)``: the scale that its authors recommend. Source: Wang, Bovik, Sheikh and Simoncelli, Image quality
    assessment: from error visibility to structural similarity, IEEE Trans. Image Processing 13 (4), 2004, and the
    authors' notes on its use.
    """
    from skimage.metrics import structural_similarity

    seen = (_seen(one), _seen(other))
    found = structural_similarity(
        *seen, channel_axis=2, data_range=255, gaussian_weights=True, use_sample_covariance=False
    )
    return min(1.0, float(found))


def _seen(picture: "Image") -> "np.typing.NDArray[np.uint8]":
    """Pixels at the scale that SSIM is computed at."""
    import numpy as np

    factor = max(1, round(min(picture.size) / EDGE))
    return np.asarray(picture.reduce(factor) if factor > 1 else picture)


def psnr(one: "Image", other: "Image") -> float:
    """Peak signal-to-noise ratio of two pictures of one size, at their full size: decibels, at most `MOST_DB`."""
    import numpy as np

    apart = np.asarray(one, dtype=np.float32) - np.asarray(other, dtype=np.float32)
    error = float(np.mean(np.square(apart)))
    return MOST_DB if error == 0 else min(MOST_DB, 10 * math.log10(255**2 / error))
