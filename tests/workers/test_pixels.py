from typing import Any

import numpy as np
import torch
from PIL import Image

from workers.pixels import CONSTANT, NOT_FINITE, as_tensor, bad_rows, decode_in_float32, to_bytes


def noise(count: int = 2) -> torch.Tensor:
    """Pictures that are pictures."""
    return torch.rand(count, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def test_good_pictures_have_no_fault() -> None:
    """Nothing is said of them."""
    assert bad_rows(noise()) == [None, None]


def test_each_bad_picture_is_found() -> None:
    """Not-a-number, infinite and constant ones, each in its place."""
    images = noise(4)
    images[0, 0, 0, 0] = float("nan")
    images[1] = 0.5
    images[2, 0, 0, 0] = float("inf")
    assert bad_rows(images) == [NOT_FINITE, CONSTANT, NOT_FINITE, None]


def test_an_infinity_that_was_clamped_is_found_all_the_same() -> None:
    """Pipelines clamp before they answer: the VAE's own answer is looked at too."""
    decoded = noise()
    decoded[1, 0, 0, 0] = float("inf")
    assert bad_rows(decoded.clamp(0, 1), decoded) == [None, NOT_FINITE]


def test_what_was_decoded_in_pieces_is_not_compared() -> None:
    """A VAE that decodes one by one answers another number of rows than the pipeline."""
    assert bad_rows(noise(2), torch.full((1, 3, 4, 5), float("nan"))) == [None, None]


def test_pixels_are_rounded_and_clamped() -> None:
    """0 to 1 becomes 0 to 255, height and width before the channels."""
    images = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, float("nan")]).reshape(1, 1, 2, 3)
    pixels = to_bytes(images)
    assert pixels.dtype == np.uint8
    assert pixels[0, :, :, 0].tolist() == [[0, 0, 128], [255, 255, 0]]


def test_answers_of_every_kind_become_tensors() -> None:
    """Tensors, lists of tensors, arrays and PIL images."""
    images = noise()
    array = images.permute(0, 2, 3, 1).numpy()
    pil = [Image.fromarray(pixels) for pixels in to_bytes(images)]
    assert as_tensor(images) is images
    assert torch.equal(as_tensor(list(images)), images)
    assert torch.equal(as_tensor(array), images)
    assert (as_tensor(pil) - images).abs().max() < 1 / 255


class Vae:
    """Doubles what it is given."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def to(self, dtype: torch.dtype) -> None:
        """Change the format."""
        self.dtype = dtype

    def decode(self, latents: torch.Tensor, *, return_dict: bool) -> tuple[torch.Tensor]:
        """Only in its own format."""
        assert latents.dtype == self.dtype
        assert not return_dict
        return (latents * 2,)


class Pipe:
    """Has a VAE and what makes pictures of its answers."""

    class Processor:
        """Passes on."""

        def postprocess(self, images: torch.Tensor, *, output_type: str) -> torch.Tensor:
            """As pictures: clamped."""
            assert output_type == "pt"
            return images.clamp(0, 1)

    def __init__(self, dtype: torch.dtype) -> None:
        self.vae: Any = Vae(dtype)
        self.image_processor = self.Processor()


def test_latents_are_decoded_once_more_in_float32() -> None:
    """And the VAE is in its own format afterwards."""
    pipe = Pipe(torch.bfloat16)
    again = decode_in_float32(pipe, ((torch.ones(1, 2).bfloat16(),), {"return_dict": False}))
    assert again is not None
    image, sample = again
    assert image.dtype == torch.float32
    assert image.tolist() == [[1.0, 1.0]]
    assert sample.tolist() == [[2.0, 2.0]]
    assert pipe.vae.dtype == torch.bfloat16


def test_a_float32_vae_has_no_second_chance() -> None:
    """It would answer the same."""
    assert decode_in_float32(Pipe(torch.float32), ((torch.ones(1, 2),), {"return_dict": False})) is None
