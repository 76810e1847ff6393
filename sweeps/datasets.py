"""The settings of each data set."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.numbers import Whole
from prunesweep.sweeps.paths import UserPath, UserPaths
from prunesweep.sweeps.units import ImageCount, Mebibytes, Pixels

MINIMUM_SIDE = 16  # pixels: three poolings by two and something left to see

Limit = Annotated[ImageCount, Field(ge=2)]


class DatasetSettings(FrozenModel):
    """One data set's block.

    ``train_limit`` and ``test_limit`` keep so many images, evenly over the classes in a fixed random order; those of a
    smaller limit are among those of a larger one. ``allow_overlap``: test images may be among the training images.
    """

    published: ClassVar[bool] = False  # whether its images are as its authors split them, and no files of the user's

    name: str
    train_limit: Limit | None = None
    test_limit: Limit | None = None
    allow_overlap: bool = False


class Digits(DatasetSettings):
    """scikit-learn's 1,797 real 8 × 8 digits, enlarged to ``size`` pixels and three channels."""

    published = True

    name: Literal["digits"]
    size: Pixels = Field(default=16, ge=MINIMUM_SIDE, le=256)


class Cifar10(DatasetSettings):
    """CIFAR-10 as torchvision stores it below ``root``; fetched only with ``download: true``."""

    published = True

    name: Literal["cifar10"]
    root: UserPath = "data"
    download: bool = False


class Cifar100(DatasetSettings):
    """CIFAR-100 with its hundred fine labels, as torchvision stores it; fetched only with ``download: true``."""

    published = True

    name: Literal["cifar100"]
    root: UserPath = "data"
    download: bool = False


class ImageParquet(DatasetSettings):
    """Hugging Face's image layout: a column of ``{bytes, path}`` and one of labels; paths, globs or a folder.

    Labels are whole numbers or text. Where the files of both splits name their classes, labels are matched by name.
    """

    name: Literal["image_parquet"]
    train: UserPaths
    test: UserPaths
    classes: Whole | None = Field(default=None, ge=2)


class ImageFolder(DatasetSettings):
    """Folders of images, a folder a class; images may lie deeper in it. What begins with a dot is hidden."""

    name: Literal["image_folder"]
    train: UserPath
    test: UserPath


class Imagenet(DatasetSettings):
    """ImageNet, or what is laid out like it: read as it is needed, so that memory does not grow with it.

    ``train`` and ``test`` are each one folder with a folder of images for each class, or image-Parquet shards (paths or
    globs) as Hugging Face writes them. Evaluation resizes an image's shorter side to ``resize`` pixels (left out, 8/7
    of ``size``: 256 at 224) and takes the central ``size`` × ``size``; training takes crops of random size and shape.
    ``classes``: how many, where shards do not say. ``shuffle_window``: MiB of encoded images among which an epoch
    mixes the rows of shards. It is held in memory; raise it where the rows are sorted by class.
    """

    name: Literal["imagenet"]
    train: UserPaths
    test: UserPaths
    classes: Whole | None = Field(default=None, ge=2)
    size: Pixels = Field(default=224, ge=MINIMUM_SIDE, le=1024)
    resize: Pixels | None = Field(default=None, ge=MINIMUM_SIDE, le=2048)
    shuffle_window: Mebibytes = Field(default=32, ge=1)

    @field_validator("resize")
    @classmethod
    def _is_cut_from(cls, resize: int | None, checked: ValidationInfo) -> int | None:
        size = checked.data.get("size")
        if resize is not None and size is not None and resize < size:
            raise ValueError(f"{resize} is below size ({size}), which is cut out of it")
        return resize

    @property
    def resized(self) -> int:
        """To how many pixels evaluation resizes an image's shorter side."""
        return self.size * 8 // 7 if self.resize is None else self.resize
