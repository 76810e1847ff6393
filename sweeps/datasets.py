"""The settings of each data set."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sweeps.block import Block
from sweeps.numbers import Whole

MINIMUM_SIDE = 16  # pixels: three poolings by two and something left to see

Paths = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
]
Limit = Annotated[Whole, Field(ge=2)]


class DatasetSettings(Block):
    """One data set's block; ``train_limit`` and ``test_limit`` keep the first so many images."""

    name: str
    train_limit: Limit | None = None
    test_limit: Limit | None = None


class Digits(DatasetSettings):
    """scikit-learn's 1,797 real 8 × 8 digits, enlarged to ``size`` pixels and three channels."""

    name: Literal["digits"]
    size: Whole = Field(default=16, ge=MINIMUM_SIDE, le=256)


class Cifar10(DatasetSettings):
    """CIFAR-10 as torchvision stores it below ``root``; fetched only with ``download: true``."""

    name: Literal["cifar10"]
    root: str = "data"
    download: bool = False


class ImageParquet(DatasetSettings):
    """Hugging Face's image layout: a column of ``{bytes, path}`` and one of integer labels; paths or globs."""

    name: Literal["image_parquet"]
    train: Paths
    test: Paths
    classes: Whole | None = Field(default=None, ge=2)


class ImageFolder(DatasetSettings):
    """Folders of images, a folder a class."""

    name: Literal["image_folder"]
    train: str
    test: str
