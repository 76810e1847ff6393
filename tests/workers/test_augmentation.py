"""Augmentation, compared pixel by pixel with a loop over the images that draws the same random numbers."""

import numpy as np
import pytest
import torch
from torch import Tensor

from prunesweep.workers.data.augmentation import augment


def images_of(count: int, side: int = 8) -> Tensor:
    """Return random images without a black pixel."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(1, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment_one_by_one(images: Tensor, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Pad, crop and mirror each image separately."""
    count, _, height, width = images.shape
    tops, lefts = torch.randint(0, 2 * padding + 1, (2, count), generator=generator).tolist()
    mirrored = (torch.rand(count, generator=generator) < 0.5).tolist() if flip else [False] * count
    augmented = []
    for image, top, left, mirror in zip(images.numpy(), tops, lefts, mirrored, strict=True):
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        crop = padded[:, top : top + height, left : left + width]
        augmented.append(crop[:, :, ::-1] if mirror else crop)
    return torch.from_numpy(np.stack(augmented).copy())


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_a_batch_is_augmented_like_its_images_one_by_one(padding: int, flip: bool) -> None:
    images = images_of(50)
    augmented = augment(images, padding=padding, flip=flip, generator=seeded())
    assert augmented.dtype == torch.uint8
    assert torch.equal(augmented, augment_one_by_one(images, padding, flip, seeded()))


def test_without_padding_and_flip_images_are_copied_unchanged() -> None:
    images = images_of(5)
    augmented = augment(images, padding=0, flip=False, generator=seeded())
    assert torch.equal(augmented, images)
    assert augmented.data_ptr() != images.data_ptr()


def test_all_crops_occur_about_equally_often_with_and_without_mirroring() -> None:
    image = images_of(1, side=3)
    augmented = augment(image.repeat(3600, 1, 1, 1), padding=1, flip=True, generator=seeded())
    _, counts = np.unique(augmented.numpy().reshape(3600, -1), axis=0, return_counts=True)
    assert len(counts) == 3 * 3 * 2
    assert 140 < counts.min() <= counts.max() < 260


def test_the_same_seed_gives_the_same_images_and_another_seed_others() -> None:
    images = images_of(20)
    first, same, other = (augment(images, padding=2, flip=True, generator=seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_the_original_images_do_not_change() -> None:
    images = images_of(20)
    before = images.clone()
    augment(images, padding=2, flip=True, generator=seeded()).zero_()
    assert torch.equal(images, before)
