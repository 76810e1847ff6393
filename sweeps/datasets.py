"""The settings of each data set: its block in a sweep file."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.numbers import WholeNumber
from prunesweep.sweeps.paths import UserPath, UserPaths
from prunesweep.sweeps.units import ImageCount, Mebibytes, Pixels

MINIMUM_SIDE = 16  # pixels, so that more than one remains after three poolings by two

Limit = Annotated[ImageCount, Field(ge=2)]


class DatasetSettings(FrozenModel):
    """The settings that all data sets have.

    Attributes:
        has_published_split: whether the authors of the data set, and not the user, chose its training and test images.
        name: the name of the data set.
        train_limit: the number of training images to use; all by default. They are chosen in a fixed random order,
            evenly over the classes, so that the images of a smaller limit are among those of a larger limit.
        test_limit: the number of test images to use; all by default. They are chosen in the same way.
        allow_overlap: whether to accept files that are in both splits, and more than 1 % of test images that equal
            training images.
    """

    has_published_split: ClassVar[bool] = False

    name: str
    train_limit: Limit | None = None
    test_limit: Limit | None = None
    allow_overlap: bool = False


class Digits(DatasetSettings):
    """The settings of scikit-learn's 1,797 scanned digits of 8 × 8 pixels.

    Attributes:
        size: the side in pixels to which the images are enlarged. The grey channel is also repeated to three channels.
    """

    has_published_split = True

    name: Literal["digits"]
    size: Pixels = Field(default=16, ge=MINIMUM_SIDE, le=256)


class Cifar10(DatasetSettings):
    """The settings of CIFAR-10 in the files of torchvision.

    Attributes:
        root: the folder that holds torchvision's folder of the data set.
        download: whether to download the data set if it is missing.
    """

    has_published_split = True

    name: Literal["cifar10"]
    root: UserPath = "data"
    download: bool = False


class Cifar100(DatasetSettings):
    """The settings of CIFAR-100, with its hundred fine labels, in the files of torchvision.

    Attributes:
        root: the folder that holds torchvision's folder of the data set.
        download: whether to download the data set if it is missing.
    """

    has_published_split = True

    name: Literal["cifar100"]
    root: UserPath = "data"
    download: bool = False


class ImageParquet(DatasetSettings):
    """The settings of Parquet files in Hugging Face's layout: a column of ``{bytes, path}`` and a column of labels.

    Labels are whole numbers or text. If the files of both splits name their classes, labels are matched by name.

    Attributes:
        train: paths, globs or a folder with the training images.
        test: paths, globs or a folder with the test images.
        classes: the number of classes. The default is taken from the files' class names or labels.
    """

    name: Literal["image_parquet"]
    train: UserPaths
    test: UserPaths
    classes: WholeNumber | None = Field(default=None, ge=2)


class ImageFolder(DatasetSettings):
    """The settings of folders of images, with one folder per class.

    Images may be at any depth in a class folder. Files and folders whose names begin with a dot are ignored.

    Attributes:
        train: the folder that holds the class folders of the training images.
        test: the folder that holds the class folders of the test images.
    """

    name: Literal["image_folder"]
    train: UserPath
    test: UserPath


class Imagenet(DatasetSettings):
    """The settings of ImageNet, or of other images in its layout, which are read as needed instead of held in memory.

    Each split is one folder with a folder of images per class, or image-Parquet shards as Hugging Face writes them.
    Evaluation resizes an image's shorter side to ``resize`` pixels and takes the central ``size`` × ``size`` pixels.
    Training takes crops of random size and shape.

    Attributes:
        train: the folder with the class folders of the training images, or paths or globs of shards.
        test: the folder with the class folders of the test images, or paths or globs of shards.
        classes: the number of classes. The default is the number of class folders, or is taken from the class names or
            labels in the shards.
        size: the side in pixels of the images that the network sees.
        resize: the shorter side in pixels to which evaluation resizes an image. The default is 8/7 of ``size``: 256 for
            224.
        shuffle_window: the size in MiB of the window within which the rows of shards are shuffled in each epoch. The
            encoded images of one window are held in memory. Raise the size if the rows are sorted by class.
    """

    name: Literal["imagenet"]
    train: UserPaths
    test: UserPaths
    classes: WholeNumber | None = Field(default=None, ge=2)
    size: Pixels = Field(default=224, ge=MINIMUM_SIDE, le=1024)
    resize: Pixels | None = Field(default=None, ge=MINIMUM_SIDE, le=2048)
    shuffle_window: Mebibytes = Field(default=32, ge=1)

    @field_validator("resize")
    @classmethod
    def _check_resize(cls, resize: int | None, info: ValidationInfo) -> int | None:
        """Check that ``resize`` is not smaller than ``size``, and return it unchanged.

        Raises:
            ValueError: ``resize`` is smaller than ``size``.
        """
        size = info.data.get("size")
        if resize is not None and size is not None and resize < size:
            raise ValueError(f"{resize} is below size ({size}), the side of the square that is cut out")
        return resize

    @property
    def resized_side(self) -> int:
        """Return the number of pixels to which evaluation resizes an image's shorter side."""
        return self.size * 8 // 7 if self.resize is None else self.resize
