"""Augmentation: held, pixel by pixel, against a loop over the images that draws the same numbers."""

import numpy as np
import pytest
import torch
from torch import Tensor

from prunesweep.workers.data.augmentation import augment


def images_of(count: int, side: int = 8) -> Tensor:
    """Images of which no two pixels near each other are equal, and none is black."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(1, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Pad, crop and mirror each image by itself."""
    count, _, height, width = images.shape
    tops, lefts = torch.randint(0, 2 * padding + 1, (2, count), generator=generator).tolist()
    mirrored = (torch.rand(count, generator=generator) < 0.5).tolist() if flip else [False] * count
    shown = []
    for image, top, left, mirror in zip(images.numpy(), tops, lefts, mirrored, strict=True):
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        crop = padded[:, top : top + height, left : left + width]
        shown.append(crop[:, :, ::-1] if mirror else crop)
    return torch.from_numpy(np.stack(shown).copy())


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_a_batch_is_augmented_as_its_images_one_by_one(padding: int, flip: bool) -> None:
    images = images_of(50)
    shown = augment(images, padding=padding, flip=flip, generator=drawn())
    assert shown.dtype == torch.uint8
    assert torch.equal(shown, one_by_one(images, padding, flip, drawn()))


def test_without_padding_and_flip_images_stay_as_they_are_in_a_new_tensor() -> None:
    images = images_of(5)
    shown = augment(images, padding=0, flip=False, generator=drawn())
    assert torch.equal(shown, images)
    assert shown.data_ptr() != images.data_ptr()


def test_every_place_and_both_sides_occur_about_equally_often() -> None:
    image = images_of(1, side=3)
    shown = augment(image.repeat(3600, 1, 1, 1), padding=1, flip=True, generator=drawn())
    _, counts = np.unique(shown.numpy().reshape(3600, -1), axis=0, return_counts=True)
    assert len(counts) == 3 * 3 * 2
    assert 140 < counts.min() <= counts.max() < 260


def test_the_same_draws_give_the_same_images_and_others_others() -> None:
    images = images_of(20)
    first, same, other = (augment(images, padding=2, flip=True, generator=drawn(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_the_originals_are_left_alone() -> None:
    images = images_of(20)
    before = images.clone()
    augment(images, padding=2, flip=True, generator=drawn()).zero_()
    assert torch.equal(images, before)
