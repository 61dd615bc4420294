"""From the pipeline's floats to 8-bit pixels, with every picture that cannot be one caught on the way."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

NOT_FINITE = "The picture came out as not-a-number, also with the VAE in float32: use render.dtype bfloat16 or float32."
CONSTANT = "The picture came out in one single colour: the model or its VAE does not work at these settings."
#: Dimensions of what a VAE answers that knows videos: a picture is the first of its frames.
_WITH_FRAMES = 5
BLANKED = "The model's safety checker blanked this picture."


def as_tensor(images: Any) -> "torch.Tensor":
    """What a pipeline answered to ``output_type="pt"`` as float ``[n, channels, height, width]`` in 0 to 1.

    Pipelines that know no tensors answer PIL images or arrays of ``[n, height, width, channels]`` all the same.
    """
    import numpy as np
    import torch

    if isinstance(images, torch.Tensor):
        return images
    if isinstance(images, list) and images and isinstance(images[0], torch.Tensor):
        return torch.stack(images)
    if not isinstance(images, np.ndarray):
        images = np.stack([np.asarray(image.convert("RGB"), dtype=np.float32) / 255 for image in images])
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


def bad_rows(images: "torch.Tensor", decoded: "torch.Tensor | None" = None) -> list[str | None]:
    """Per picture, what is wrong with it, or None.

    Args:
        images: float ``[n, channels, height, width]`` in 0 to 1.
        decoded: what the VAE answered, before it was clamped: an infinity does not survive the clamp.
    """
    import torch

    finite = torch.isfinite(images).flatten(1).all(1)
    if decoded is not None and decoded.shape[:1] == images.shape[:1]:
        finite &= torch.isfinite(decoded).flatten(1).all(1)
    flat = images.flatten(2)
    varied = (flat.amax(2) > flat.amin(2)).any(1)
    flags = torch.stack([finite, varied]).tolist()
    return [NOT_FINITE if not ok else CONSTANT if not lively else None for ok, lively in zip(*flags, strict=True)]


def to_bytes(images: "torch.Tensor") -> "np.ndarray[Any, Any]":
    """8-bit ``[n, height, width, channels]`` on the host; cast on the device, so that a quarter is copied."""
    import torch

    pixels = (images.float().nan_to_num(0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def decode_in_float32(
    pipe: Any, latents: tuple[tuple[Any, ...], dict[str, Any]]
) -> "tuple[torch.Tensor, torch.Tensor] | None":
    """Decode once more with the VAE in float32; None where that changes nothing or the pipeline decodes otherwise.

    Returns:
        The pictures in 0 to 1, and what the VAE answered before it was clamped.
    """
    import torch

    vae, (args, kwargs) = pipe.vae, latents
    before = vae.dtype
    if before == torch.float32 or not args or not hasattr(pipe, "image_processor"):
        return None
    vae.to(torch.float32)
    try:
        sample = vae.decode(args[0].float(), *args[1:], **kwargs)[0]
        sample = sample[:, :, 0] if sample.dim() == _WITH_FRAMES else sample
        image = pipe.image_processor.postprocess(sample, output_type="pt")
        return (image, sample) if isinstance(image, torch.Tensor) else None
    finally:
        vae.to(before)
