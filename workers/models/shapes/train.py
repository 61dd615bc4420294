"""Make the model: `python -m workers.models.shapes.train --out DIR [--stage vae|denoiser|soften] [--minutes 75]`.

The VAE takes minutes and the denoiser about an hour on two CPU cores. Checkpoints lie beside DIR, so that a denoiser
that was cut short goes on where it stopped.

Where other work shares the cores, run it with OMP_NUM_THREADS=1: two threads that wait for each other at every layer
came to a tenth of the speed of one.
"""

import argparse
import logging
from functools import partial
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from transformers import CLIPTokenizer

from workers.models.shapes.architecture import make_pipeline, make_text_encoder, make_unet, make_vae
from workers.models.shapes.autoencoder import decibels, fresh_drawings, scaling_factor, train_vae, whiten
from workers.models.shapes.corpus import Corpus, make_corpus
from workers.models.shapes.denoiser import DenoiserTraining
from workers.models.shapes.export import export
from workers.models.shapes.soften import Softening
from workers.models.shapes.tokens import make_tokenizer

log = logging.getLogger(__name__)

SEED = 7
VAE_ITERATIONS = 6000
#: Drawings that the finished VAE is measured and whitened on.
VAE_SAMPLE = 512
PICTURES = 20_000
#: Shares of the denoiser's training after which the model folder is written.
MILESTONES = (1 / 3, 2 / 3, 1.0)
#: Time for softening, as a share of the denoiser's.
SOFTENING_SHARE = 1 / 6


def main() -> None:
    """Read the command line and run the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--stage", choices=("vae", "denoiser", "soften", "all"), default="all")
    parser.add_argument(
        "--minutes", type=float, default=75.0, help="time for the denoiser; softening takes a sixth more"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(arguments.stage, arguments.out, seconds=60 * arguments.minutes)


def run(stage: str, out: Path, *, seconds: float) -> None:
    """Run one stage, or all."""
    checkpoints = out.with_name(f"{out.name}-checkpoints")
    checkpoints.mkdir(parents=True, exist_ok=True)
    if stage in ("vae", "all"):
        make_trained_vae(checkpoints / "vae.pt")
    if stage in ("denoiser", "all"):
        make_trained_denoiser(checkpoints, out, seconds=seconds)
    if stage in ("soften", "all"):
        make_softened(checkpoints, out, seconds=seconds * SOFTENING_SHARE)


def make_trained_vae(file: Path) -> None:
    """Train the VAE from scratch and save it."""
    torch.manual_seed(SEED)
    vae = make_vae().to(memory_format=torch.channels_last)
    train_vae(vae, fresh_drawings(Random(SEED)), iterations=VAE_ITERATIONS)
    sample = fresh_drawings(Random(SEED + 1))(VAE_SAMPLE)
    log.info("vae: %.2f dB", decibels(vae, sample))
    whiten(vae, sample)
    log.info("vae, whitened: %.2f dB, scaling factor %.3f", decibels(vae, sample), scaling_factor(vae, sample))
    torch.save({"vae": vae.state_dict(), "scaling_factor": scaling_factor(vae, sample)}, file)


def load_vae(file: Path) -> AutoencoderKL:
    """The VAE that `make_trained_vae` saved."""
    saved = torch.load(file)
    vae = make_vae()
    vae.load_state_dict(saved["vae"])
    vae.register_to_config(scaling_factor=saved["scaling_factor"])
    return vae.eval()


def make_trained_denoiser(checkpoints: Path, out: Path, *, seconds: float) -> None:
    """Train the denoiser, from its checkpoint where there is one, and write the model folder at each milestone."""
    vae, tokenizer = load_vae(checkpoints / "vae.pt"), make_tokenizer()
    corpus = cached_corpus(checkpoints / "corpus.pt", vae, tokenizer)
    torch.manual_seed(SEED)
    training = DenoiserTraining(unet=make_unet(), text_encoder=make_text_encoder(tokenizer), seconds=seconds)
    file = checkpoints / "denoiser.pt"
    if file.exists():
        training.load(file)
        torch.manual_seed(SEED + training.iteration)
    for milestone in MILESTONES:
        if training.progress < milestone:
            training.run(corpus, until=milestone, save=partial(training.save, file))
            export(make_pipeline(tokenizer=tokenizer, vae=vae, **training.averaged()), out)
            log.info("wrote %s", out)


def make_softened(checkpoints: Path, out: Path, *, seconds: float) -> None:
    """Soften the trained denoiser and write the model folder."""
    vae, tokenizer = load_vae(checkpoints / "vae.pt"), make_tokenizer()
    corpus = cached_corpus(checkpoints / "corpus.pt", vae, tokenizer)
    trained = DenoiserTraining(unet=make_unet(), text_encoder=make_text_encoder(tokenizer), seconds=seconds)
    trained.load(checkpoints / "denoiser.pt")
    softening = Softening(**trained.averaged(), empty=corpus.empty, seconds=seconds)
    softening.run(corpus, until=1.0, save=partial(softening.save, checkpoints / "softened.pt"))
    export(make_pipeline(tokenizer=tokenizer, vae=vae, **softening.averaged()), out)
    log.info("wrote %s", out)


def cached_corpus(file: Path, vae: AutoencoderKL, tokenizer: CLIPTokenizer) -> Corpus:
    """The training pictures, from `file` where it exists."""
    if not file.exists():
        corpus = make_corpus(vae, tokenizer, count=PICTURES, random=Random(SEED + 2))
        torch.save({"latents": corpus.latents, "tokens": corpus.tokens, "empty": corpus.empty}, file)
    return Corpus(**torch.load(file))


if __name__ == "__main__":
    main()
