import io

import numpy as np
import pytest
from PIL import Image

from farm.quality.similarity import MOST_DB, opened, psnr, ssim


def noisy(strength: float, *, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """A gradient with noise."""
    noise = np.random.default_rng(3).normal(0, 1, (size[1], size[0], 3))
    pixels = np.linspace(40, 200, size[0])[None, :, None] + strength * noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)


def encoded(picture: Image.Image) -> bytes:
    """A picture as a PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_equal_pictures_are_as_alike_as_can_be() -> None:
    """SSIM 1, and a finite PSNR, for reports hold no infinity."""
    assert ssim(noisy(5), noisy(5)) == pytest.approx(1)
    assert psnr(noisy(5), noisy(5)) == MOST_DB


def test_more_noise_is_less_alike() -> None:
    """Both fall as pictures part."""
    plain = noisy(0)
    assert 1 > ssim(plain, noisy(2)) > ssim(plain, noisy(8)) > ssim(plain, noisy(40)) > 0
    assert psnr(plain, noisy(2)) > psnr(plain, noisy(8)) > psnr(plain, noisy(40)) > 0


def test_psnr_is_of_the_mean_square() -> None:
    """One level apart everywhere is 48.13 dB."""
    one, other = (Image.new("RGB", (16, 16), (level, level, level)) for level in (100, 101))
    assert psnr(one, other) == pytest.approx(48.1308, abs=1e-3)


def test_large_pictures_are_seen_at_the_scale_of_ssim() -> None:
    """Fine grain of a 1024 px picture averages out as it does for an eye; its PSNR does not."""
    large = (1024, 1024)
    assert ssim(noisy(0, size=large), noisy(20, size=large)) > 1.5 * ssim(noisy(0), noisy(20))
    assert psnr(noisy(0, size=large), noisy(20, size=large)) == pytest.approx(psnr(noisy(0), noisy(20)), abs=0.5)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_every_kind_of_picture_is_opened_as_rgb(mode: str) -> None:
    """What the farm writes today and may write tomorrow."""
    picture = opened(encoded(noisy(3, mode=mode)))
    assert picture is not None
    assert (picture.mode, picture.size) == ("RGB", (64, 48))


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(noisy(3))[:300], encoded(Image.new("RGB", (8, 64)))])
def test_what_cannot_be_compared_is_none(data: bytes) -> None:
    """No picture, half of one, or one smaller than the window."""
    assert opened(data) is None
