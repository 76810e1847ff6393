"""The corruptions against their published definition, and properties that hold for any definition."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from prunesweep.workers.attacks.corruptions import corrupt as corrupt_module
from prunesweep.workers.attacks.corruptions import frost_textures
from prunesweep.workers.attacks.corruptions.corrupt import KINDS, corrupt
from prunesweep.workers.attacks.corruptions.draws import Draws

for oracle in ("cv2", "scipy", "skimage", "imagecorruptions"):
    pytest.importorskip(oracle, reason=f"the published definition needs {oracle}, which is not installed")

import imagecorruptions.corruptions as package  # noqa: E402  # after importorskip

from tests.helpers.published_corruptions import (  # noqa: E402  # after importorskip
    CIFAR10_C,
    IMAGENET_C,
    Constants,
    FreshNumbers,
    Numbers,
    publish,
)

SEVERITIES = (1, 2, 3, 4, 5)
NOT_RANDOM = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")
# The largest share of levels that may differ, by one: if the order of float operations differs from the published one,
# a value between two levels may be rounded to either. All other kinds are equal in every level.
MAY_DIFFER_BY_ONE = {
    "zoom_blur": 0.001,
    "snow": 0.001,
    # a pixel with a channel at 255 keeps its levels; the published conversion to hue and back loses one
    "brightness": 0.1,
    "contrast": 0.005,
    "elastic_transform": 0.001,
}
# The package has six photographs of frost, a tenth larger, and its own elastic transform.
NOT_IN_THE_PACKAGE = ("frost", "elastic_transform")
# With CIFAR-10-C's constants, the distortion of these kinds does not rise with every severity.
NOT_STEADY = ("glass_blur", "motion_blur", "snow", "frost", "elastic_transform", "pixelate")


def make_images(count: int, size: int) -> Tensor:
    """Return images with smooth areas, edges, grain, black and white, uint8 (count, 3, size, size)."""
    generator = torch.Generator().manual_seed(size)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    edges = torch.rand(count, 3, 1, 1, generator=generator) * (smooth[:, :1] > 0.6)
    grain = 0.02 * torch.randn(count, 3, size, size, generator=generator)
    return ((1.6 * smooth - 0.4 + 0.5 * edges + grain).clamp(0, 1) * 255).to(torch.uint8)


class OurNumbers:
    """The numbers that our corruption draws for one image, for the published definition to use."""

    def __init__(self, kind: str, severity: int, index: int) -> None:
        self._draws = Draws(kind, severity, range(index, index + 1), torch.device("cpu"))

    def normal(self, *shape: int) -> np.ndarray:
        return self._draws.normal(*shape)[0].numpy()

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        return self._draws.uniform(low, high, *shape)[0].numpy()

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        return self._draws.poisson(torch.from_numpy(rates)[None])[0].numpy()


def published(
    images: Tensor, kind: str, severity: int, numbers: Callable[[int], Numbers], constants: Constants = CIFAR10_C
) -> Tensor:
    """Return images corrupted by the published definition; ``numbers`` returns the random numbers of an index."""
    pixels = images.permute(0, 2, 3, 1).numpy()
    corrupted = [publish(image, kind, severity, numbers(index), constants) for index, image in enumerate(pixels)]
    return torch.from_numpy(np.stack(corrupted)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("size", [16, 32])
def test_same_numbers_give_the_published_levels(kind: str, severity: int, size: int) -> None:
    images = make_images(6, size)
    expected = published(images, kind, severity, lambda index: OurNumbers(kind, severity, index))
    difference = (corrupt(images, kind, severity).int() - expected.int()).abs()
    assert difference.max() <= (kind in MAY_DIFFER_BY_ONE)
    assert (difference > 0).float().mean() <= MAY_DIFFER_BY_ONE.get(kind, 0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "frost"])
def test_the_published_definition_holds_at_64_pixels(kind: str) -> None:
    """Frost is left out: one published photograph is smaller than 64 pixels there, and ours is enlarged."""
    images = make_images(2, 64)
    expected = published(images, kind, 5, lambda index: OurNumbers(kind, 5, index))
    difference = (corrupt(images, kind, 5).int() - expected.int()).abs()
    assert difference.max() <= (kind in MAY_DIFFER_BY_ONE)
    assert (difference > 0).float().mean() <= MAY_DIFFER_BY_ONE.get(kind, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "severity"), [*product([128], SEVERITIES), (224, 5)])
def test_images_from_128_pixels_have_the_published_levels_of_imagenet_c(kind: str, severity: int, size: int) -> None:
    images = make_images(1, size)
    expected = published(images, kind, severity, lambda index: OurNumbers(kind, severity, index), IMAGENET_C)
    difference = (corrupt(images, kind, severity).int() - expected.int()).abs()
    assert difference.max() <= (kind in MAY_DIFFER_BY_ONE or kind == "defocus_blur")
    assert (difference > 0).float().mean() <= MAY_DIFFER_BY_ONE.get(kind, 0.001 if kind == "defocus_blur" else 0)


def packaged(images: Tensor, kind: str, severity: int) -> Tensor:
    """Return images corrupted by imagecorruptions-imaug, with NumPy's random numbers."""
    corrupted = []
    for index, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        np.random.seed(index)  # the package draws from NumPy's global state
        seed = {"seed": index} if kind in ("glass_blur", "impulse_noise") else {}
        corrupted.append(np.uint8(getattr(package, kind)(Image.fromarray(image), severity, **seed)))
    return torch.from_numpy(np.stack(corrupted)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("kind", NOT_RANDOM)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_imagenet_cs_constants_are_those_of_the_package(kind: str, severity: int) -> None:
    images = make_images(2, 224)
    difference = (corrupt(images, kind, severity).int() - packaged(images, kind, severity).int()).abs()
    assert difference.max() <= (kind in ("brightness", "defocus_blur", "zoom_blur"))
    assert difference.float().mean() < 0.1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (*NOT_RANDOM, *NOT_IN_THE_PACKAGE)])
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_our_random_numbers_with_imagenet_cs_constants_are_distributed_as_the_packages(
    kind: str, severity: int
) -> None:
    images = make_images(24, 128)
    ours = corrupt(images, kind, severity).double() - images
    theirs = packaged(images, kind, severity).double() - images
    error = 4 * (ours.mean((1, 2, 3)).std() + theirs.mean((1, 2, 3)).std()) / len(images) ** 0.5
    assert abs(ours.mean() - theirs.mean()) < max(error, 0.5)
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)


def test_the_constants_change_at_128_pixels() -> None:
    small, large = (torch.full((1, 3, size, size), 100, dtype=torch.uint8) for size in (127, 128))
    assert corrupt(small, "brightness", 5).unique().tolist() == [176]  # 100 / 255 + 0.3, its fraction dropped
    assert corrupt(large, "brightness", 5).unique().tolist() == [227]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 128])
def test_part_of_a_data_set_is_corrupted_as_in_the_whole(kind: str, size: int) -> None:
    images = make_images(3, size)
    assert torch.equal(corrupt(images[2:], kind, 4, first_index=2), corrupt(images, kind, 4)[2:])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_RANDOM])
def test_our_random_numbers_are_distributed_as_the_published_ones(kind: str) -> None:
    """The changes of levels have the same mean, deviation and histogram as with NumPy's random numbers."""
    images = make_images(120, 32)
    ours = corrupt(images, kind, 3).double() - images
    theirs = published(images, kind, 3, FreshNumbers).double() - images
    error = 4 * (ours.mean((1, 2, 3)).std() + theirs.mean((1, 2, 3)).std()) / len(images) ** 0.5
    assert abs(ours.mean() - theirs.mean()) < error
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)
    bins = torch.linspace(-256, 256, 65, dtype=torch.float64)
    shares = [torch.histogram(change.flatten(), bins)[0] / change.numel() for change in (ours, theirs)]
    assert (shares[0] - shares[1]).abs().sum() / 2 < 0.03


def uniform_draws(kind: str, severity: int) -> Tensor:
    return Draws(kind, severity, range(64), torch.device("cpu")).uniform(0, 1, 4096)


def test_draws_are_independent_between_images_kinds_and_severities() -> None:
    numbers = uniform_draws("fog", 1)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert torch.equal(uniform_draws("fog", 1), numbers)
    others = torch.cat([numbers, uniform_draws("frost", 1), uniform_draws("fog", 2)])
    assert torch.corrcoef(others).triu(1).abs().max() < 0.1  # a correlation's standard deviation is 1 / 64


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_the_same_in_every_chunk_and_call(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_images(23, 32)
    whole = corrupt(images, kind, 4)
    assert torch.equal(corrupt(images, kind, 4), whole)
    assert torch.equal(corrupt(images[:5], kind, 4), whole[:5])
    monkeypatch.setattr(corrupt_module, "CHUNK_LEVELS", 4 * 3 * 32 * 32)
    assert torch.equal(corrupt(images, kind, 4), whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [16, 25, 96])
def test_shape_type_and_original_are_preserved_at_every_size(kind: str, size: int) -> None:
    images = make_images(2, size)
    before = images.clone()
    corrupted = corrupt(images, kind, 5)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == torch.uint8
    assert torch.equal(images, before)
    assert not torch.equal(corrupted, images)
    assert corrupt(images[:0], kind, 5).shape == (0, 3, size, size)


@pytest.mark.parametrize("kind", KINDS)
def test_channels_last_images_give_the_same_levels_and_are_not_changed(kind: str) -> None:
    images = make_images(3, 32)
    by_pixel = images.to(memory_format=torch.channels_last)
    assert torch.equal(corrupt(by_pixel, kind, 2), corrupt(images, kind, 2))
    assert torch.equal(by_pixel, images)


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_distorts_more(kind: str) -> None:
    images = make_images(40, 32)
    distortions = [(corrupt(images, kind, s).double() - images).abs().mean().item() for s in SEVERITIES]
    if kind not in NOT_STEADY:
        assert distortions == sorted(distortions)
    if kind == "elastic_transform":  # its wildest affine maps are the first severity's
        assert distortions == sorted(distortions, reverse=True)
    else:
        assert distortions[-1] > 1.2 * distortions[0]


def test_zooming_leaves_no_black_border() -> None:
    """SciPy leaves one at 36 pixels and a factor of 1.2, because rounding leads it beyond the last pixel."""
    white = torch.full((1, 3, 36, 36), 255, dtype=torch.uint8)
    assert corrupt(white, "zoom_blur", 5).min() == 255


def test_the_photographs_for_imagenet_c_have_their_original_size() -> None:
    sides = [tuple(texture.shape) for texture in frost_textures.frost_textures("package", 224, 1.0)]
    assert sides == [(3, 600, 900), (3, 315, 560), (3, 315, 560), (3, 350, 527), (3, 495, 660)]


def test_the_photographs_for_cifar10_c_have_a_fifth_of_their_size() -> None:
    sides = [tuple(texture.shape) for texture in frost_textures.frost_textures("package", 32, 0.2)]
    assert sides == [(3, 120, 180), (3, 63, 112), (3, 63, 112), (3, 70, 105), (3, 99, 132)]


@pytest.mark.parametrize("size", [32, 96, 224])
def test_both_sources_give_textures_larger_than_the_image(size: int) -> None:
    for source, scale in product(frost_textures.TEXTURE_SOURCES, (0.2, 1.0)):
        assert all(min(texture.shape[1:]) > size for texture in frost_textures.frost_textures(source, size, scale))


@pytest.mark.parametrize(("count", "size"), [(200, 32), (60, 224)])
def test_generated_frost_resembles_the_photographs(count: int, size: int) -> None:
    images = make_images(count, size)
    photographed = corrupt(images, "frost", 3).double()
    generated = corrupt(images, "frost", 3, frost_textures="generated").double()
    frost_textures.frost_textures.cache_clear()
    assert torch.equal(generated, corrupt(images, "frost", 3, frost_textures="generated").double())
    assert not torch.equal(generated, photographed)
    assert abs(generated.mean() - photographed.mean()) < 5
    assert generated.std().item() == pytest.approx(photographed.std().item(), rel=0.1)


def test_missing_photographs_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert frost_textures.frost_package_installed()
    monkeypatch.setattr(frost_textures, "PACKAGE", "a_package_that_nobody_installs")
    frost_textures.frost_textures.cache_clear()
    assert not frost_textures.frost_package_installed()
    with pytest.raises(ImportError, match=r"^frost needs .* imagecorruptions-imaug.*='generated'$"):
        corrupt(make_images(1, 32), "frost", 1)
    assert corrupt(make_images(1, 32), "frost", 1, frost_textures="generated").any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "rain"}, r"^unknown corruption 'rain'; known are gaussian_noise, .*, jpeg_compression$"),
        ({"severity": 0}, "^severity is 0 but must be 1, 2, 3, 4 or 5$"),
        ({"severity": 6}, "^severity is 6 but must be 1, 2, 3, 4 or 5$"),
        ({"frost_textures": "snowy"}, "^unknown frost textures 'snowy'; known are package, generated$"),
        (
            {"images": torch.zeros(1, 3, 32, 32)},
            r"^images must be uint8 .* not torch.float32 \(1, 3, 32, 32\)$",
        ),
        (
            {"images": torch.zeros(1, 3, 32, 31, dtype=torch.uint8)},
            r"^images must be uint8 .*\(1, 3, 32, 31\)$",
        ),
        ({"images": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, r"^images must be uint8 .*\(1, 3, 8, 8\)$"),
        ({"images": torch.zeros(3, 32, 32, dtype=torch.uint8)}, r"^images must be uint8 .*\(3, 32, 32\)$"),
    ],
)
def test_an_invalid_argument_is_one_clear_line(change: dict[str, object], message: str) -> None:
    arguments = {
        "images": make_images(1, 32),
        "kind": "fog",
        "severity": 1,
        "frost_textures": "generated",
    } | change
    with pytest.raises(ValueError, match=message):
        corrupt(**arguments)  # type: ignore[arg-type]  # invalid arguments are the point
