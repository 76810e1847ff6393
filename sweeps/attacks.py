"""The settings of each attack: its severities, and the headline severity that enters ``robustness``."""

from collections.abc import Iterable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.images.corruption_files import cifar10_c_fingerprint, imagenet_c_fingerprint
from prunesweep.sweeps.numbers import WholeNumber
from prunesweep.sweeps.paths import UserPath
from prunesweep.sweeps.units import Epsilon, ImageCount, Pixels, StepSize
from prunesweep.sweeps.words import listed

CorruptionKind = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
]
CORRUPTION_KINDS: tuple[CorruptionKind, ...] = get_args(CorruptionKind)
FROST_MISSING = (
    "frost_textures: package needs imagecorruptions-imaug, which is not installed: pip install "
    "'prunesweep[corruptions]', or set frost_textures: generated"
)
AUTOATTACK_MISSING = "needs the package pyautoattack, which is not installed: pip install 'prunesweep[autoattack]'"


Side = Annotated[Pixels, Field(ge=1)]
Severity = Annotated[WholeNumber, Field(ge=1, le=5)]
MEAN = "mean"


def _check_corruption_headline(value: Any) -> Any:
    """Check that a value can be the headline of corruptions, and return it unchanged.

    Raises:
        ValueError: the value is neither a severity from 1 to 5 nor ``mean``.
    """
    if value != MEAN and (type(value) is not int or not 1 <= value <= 5):
        raise ValueError(f"{value!r} is not a headline of corruptions; give a severity from 1 to 5, or {MEAN}")
    return value


CorruptionHeadline = Annotated[
    int | Literal["mean"],
    PlainValidator(_check_corruption_headline),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, {"const": MEAN}]}),
]


def _sorted_unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the distinct values, sorted."""
    return tuple(sorted(set(values)))


# The order of severities and kinds has no meaning, nor has their repetition, so neither changes a key.
Epsilons = Annotated[tuple[Epsilon, ...], Field(min_length=1), AfterValidator(_sorted_unique)]
Sides = Annotated[tuple[Side, ...], Field(min_length=1), AfterValidator(_sorted_unique)]
Severities = Annotated[tuple[Severity, ...], Field(min_length=1), AfterValidator(_sorted_unique)]
Kinds = Annotated[
    tuple[CorruptionKind, ...],
    Field(min_length=1),
    AfterValidator(lambda kinds: tuple(kind for kind in CORRUPTION_KINDS if kind in kinds)),
]


class AttackSettings(FrozenModel):
    """The settings of one attack: its block in a sweep file."""

    def resolved(self) -> "AttackSettings":
        """Return the settings after making every choice that depends on installed packages or on the content of files.

        If a file that the settings name is missing, ``DataError`` is raised.
        """
        return self

    def headline_text(self) -> str:
        """Return the headline (the severity that enters ``robustness``) in words, for ``robustness_definition``."""
        return ""

    def missing_dependency(self) -> str | None:
        """Return which required package is not installed and how to install it, or None if the attack can run."""
        return None


class Clean(AttackSettings):
    """The settings of ``clean``, which evaluates the test images without an attack."""


def _set_default_headline(settings: "EpsilonSettings | Corruptions", severities: tuple[float, ...]) -> None:
    """Make the only severity of an attack its headline, unless the settings name another headline."""
    if len(severities) == 1 and "headline" not in settings.model_fields_set:
        object.__setattr__(settings, "headline", severities[0])  # the blocks of a sweep file are frozen


def _headline_missing(settings: AttackSettings, headline: str, field: str, severities: Iterable[str]) -> str:
    """Return the error message for a headline that is not among the severities.

    Args:
        settings: the attack's settings.
        headline: the headline in words.
        field: the setting that lists the severities.
        severities: the possible headlines in words.
    """
    source = "" if "headline" in settings.model_fields_set else " (it is the default)"
    return f"headline {headline} is not among the {field}{source}; give headline: {listed(severities, 'or')}"


class EpsilonSettings(AttackSettings):
    """The settings that all attacks within an L∞ ball have.

    Attributes:
        epsilons: the radii ε of the ball, in units of [0, 1] pixels.
        headline: the ε that enters ``robustness``. The default is the only ε, or 8/255 if there are several.
    """

    epsilons: Epsilons = (8 / 255,)
    headline: Epsilon = 8 / 255

    @model_validator(mode="after")
    def _check_headline(self) -> Self:
        """Set the default headline if needed, and check that the headline is one of ``epsilons``.

        Raises:
            ValueError: the headline is not one of ``epsilons``.
        """
        _set_default_headline(self, self.epsilons)
        if self.headline not in self.epsilons:
            epsilons = map(epsilon_text, self.epsilons)
            raise ValueError(_headline_missing(self, epsilon_text(self.headline), "epsilons", epsilons))
        return self

    def headline_text(self) -> str:
        """Return the headline ε in words, such as ``at 8/255``."""
        return f"at {epsilon_text(self.headline)}"


class Fgsm(EpsilonSettings):
    """The settings of FGSM: one step along the sign of the loss's gradient (Goodfellow et al. 2015)."""

    epsilons: Epsilons = (2 / 255, 4 / 255, 8 / 255, 16 / 255)


class Pgd(EpsilonSettings):
    """The settings of projected gradient descent (Madry et al. 2018): FGSM steps within the ball, from a random start.

    At 8/255, the accuracy of networks without adversarial training is about 0 %.

    Attributes:
        steps: the number of steps.
        step_size: the length of a step, in units of [0, 1] pixels. The default is 2.5 · ε / steps.
        restarts: the number of random starts for each image.
        loss: the loss to maximise. ``margin`` is the difference-of-logits ratio, whose gradient does not vanish when
            logits are large.
        random_start: whether to start at a random point of the ball instead of at the image itself.
    """

    epsilons: Epsilons = (2 / 255, 8 / 255)
    steps: WholeNumber = Field(default=10, ge=1, le=10_000)
    step_size: StepSize | None = None
    restarts: WholeNumber = Field(default=1, ge=1, le=1000)
    loss: Literal["cross_entropy", "margin"] = "cross_entropy"
    random_start: bool = True

    @model_validator(mode="after")
    def _check_restarts(self) -> Self:
        """Check that several restarts begin at different points.

        Raises:
            ValueError: there are several restarts and no random start.
        """
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                "restarts: without a random start all restarts are the same; set random_start: true or restarts: 1"
            )
        return self

    def headline_text(self) -> str:
        """Return the headline ε and the attack's strength in words, such as ``at 8/255, 10 steps``."""
        size = f" of {epsilon_text(self.step_size)}" if self.step_size is not None else ""
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        loss = ", margin loss" if self.loss == "margin" else ""
        start = "" if self.random_start else ", no random start"
        return f"{super().headline_text()}, {self.steps} steps{size}{restarts}{loss}{start}"


class Square(EpsilonSettings):
    """The settings of the Square Attack (Andriushchenko et al. 2020), a random search that needs no gradient.

    Attributes:
        queries: the number of queries to the network per image.
    """

    queries: WholeNumber = Field(default=1000, ge=1, le=100_000)

    def headline_text(self) -> str:
        """Return the headline ε and the number of queries in words."""
        return f"{super().headline_text()}, {self.queries} queries"


class Autoattack(EpsilonSettings):
    """The settings of AutoAttack (Croce and Hein 2020) through the package pyautoattack.

    Attributes:
        version: ``standard``, or ``plus``, which adds restarts and further attacks.
        batch: the batch size. It affects results, because the package draws its random numbers for a batch at once.
    """

    version: Literal["standard", "plus"] = "standard"
    batch: ImageCount = Field(default=250, ge=1, le=250)

    def headline_text(self) -> str:
        """Return the version and the headline ε in words."""
        return f"{self.version} {super().headline_text()}"

    def missing_dependency(self) -> str | None:
        """Return how to install pyautoattack, or None if it is installed."""
        return None if find_spec("pyautoattack") else AUTOATTACK_MISSING


class Occlusion(AttackSettings):
    """The settings of occlusion by a centred black square.

    Attributes:
        sides: the sides of the squares in pixels, one evaluation for each. The default is eight equal steps up to half
            of the image's side.
        headline: the side of the square that enters ``robustness``. The default is half of the image's side, which is
            then evaluated in addition to ``sides``.
    """

    sides: Sides | None = None
    headline: Side | None = None

    @model_validator(mode="after")
    def _check_headline(self) -> "Occlusion":
        """Check that the headline is one of the sides if both are given.

        Raises:
            ValueError: the headline is not one of the sides.
        """
        if self.headline is not None and self.sides is not None and self.headline not in self.sides:
            raise ValueError(_headline_missing(self, str(self.headline), "sides", map(str, self.sides)))
        return self

    def sides_on(self, image_side: int) -> tuple[int, ...]:
        """Return the sides of the squares to evaluate in pixels, including the headline, in ascending order.

        Args:
            image_side: the side of the test images in pixels.

        Raises:
            ValueError: a side is larger than the images.
        """
        eighths = tuple(sorted({max(1, image_side * step // 16) for step in range(1, 9)}))
        sides = tuple(sorted({*(self.sides or eighths), self.headline_on(image_side)}))
        if sides[-1] > image_side:
            raise ValueError(f"attacks.occlusion: side {sides[-1]} is larger than the images ({image_side} pixels)")
        return sides

    def headline_on(self, image_side: int) -> int:
        """Return the side in pixels of the headline's square, for images with a side of ``image_side`` pixels."""
        return image_side // 2 if self.headline is None else self.headline

    def headline_text(self) -> str:
        """Return the side of the headline's square in words, such as ``of half the side``."""
        return "of half the side" if self.headline is None else f"of {self.headline} pixels"


class Corruptions(AttackSettings):
    """The settings of the common corruptions of Hendrycks and Dietterich (2019).

    Attributes:
        kinds: the corruption kinds, all 15 by default.
        severities: the severities, from 1 to 5.
        headline: the severity that enters ``robustness``, or ``mean`` for the mean over all ``severities``. The default
            is ``mean`` if ``source`` is ``imagenet_c``. Else it is the severity if there is only one, and 5 if there
            are several.
        frost_textures: the textures for frost, which are needed only if prunesweep itself corrupts the images.
            ``package`` takes the photographs of the package imagecorruptions-imaug, and ``generated`` takes synthetic
            textures. ``auto`` means ``package`` if that package is installed, else ``generated``; it is resolved
            before a key is computed.
        source: where corrupted images come from. With ``generated``, the test images are corrupted here: images with a
            side of at least 128 pixels with ImageNet-C's constants, smaller images with CIFAR-10-C's. With
            ``cifar10_c`` (KIND.npy and labels.npy) or ``imagenet_c`` (KIND/SEVERITY/CLASS/*.JPEG), they are read from
            the official files below ``root``, which must be corrupted versions of the test images in use.
        root: the folder of the official files.
    """

    kinds: Kinds = CORRUPTION_KINDS
    severities: Severities = (1, 2, 3, 4, 5)
    headline: CorruptionHeadline = 5
    frost_textures: Literal["auto", "package", "generated"] = "auto"
    source: Literal["generated", "cifar10_c", "imagenet_c"] = "generated"
    root: Annotated[UserPath, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_to_mean_of_imagenet_c(cls, values: Any) -> Any:
        """Make ``mean`` the default headline of ImageNet-C's files."""
        if isinstance(values, dict) and values.get("source") == "imagenet_c":
            return {"headline": MEAN, **values}
        return values

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        """Set the default headline if needed, and check that headline, severities, source and root agree.

        Raises:
            ValueError: the headline is not among the severities, or ``root`` is given for generated corruptions or
                missing for official files.
        """
        _set_default_headline(self, self.severities)
        if self.headline != MEAN and self.headline not in self.severities:
            severities = (*map(str, self.severities), MEAN)
            raise ValueError(_headline_missing(self, str(self.headline), "severities", severities))
        if self.source == "generated" and self.root is not None:
            raise ValueError("root is for official files; also set source: cifar10_c or source: imagenet_c")
        if self.source != "generated" and self.root is None:
            raise ValueError(f"source {self.source} needs root: the folder that holds the files")
        return self

    def missing_dependency(self) -> str | None:
        """Return how to get frost textures if the package that the settings ask for is not installed, else None."""
        wants_package = self.source == "generated" and self.frost_textures == "package" and "frost" in self.kinds
        return FROST_MISSING if wants_package and find_spec("imagecorruptions") is None else None

    def resolved(self) -> "Corruptions":
        """Return the settings with frost textures chosen, or with the fingerprint of the official files.

        If an official file is missing, ``DataError`` is raised.
        """
        if self.root is not None:
            return self._with_fingerprint(str(Path(self.root).absolute()))
        if self.frost_textures != "auto" and "frost" in self.kinds:
            return self
        has_package = "frost" in self.kinds and find_spec("imagecorruptions") is not None
        return self.model_copy(update={"frost_textures": "package" if has_package else "generated"})

    def _with_fingerprint(self, root: str) -> "OfficialCorruptions":
        """Return the settings with the absolute path of the official files and with their fingerprint."""
        if self.source == "cifar10_c":
            files = cifar10_c_fingerprint(root, self.kinds)
        else:
            files = imagenet_c_fingerprint(root, self.kinds, self.severities)
        return OfficialCorruptions(**{**dict(self), "root": root, "frost_textures": "auto"}, files=files)

    def headline_text(self) -> str:
        """Return in words the kinds and severities that the headline averages over, and where the images come from."""
        is_all = self.kinds == CORRUPTION_KINDS
        kinds = f"{len(self.kinds)} kinds" if is_all else ", ".join(self.kinds)
        severities = ", ".join(map(str, self.severities)) if self.headline == MEAN else str(self.headline)
        files = {"cifar10_c": " of CIFAR-10-C's files", "imagenet_c": " of ImageNet-C's files"}.get(self.source, "")
        frost = " with generated frost" if self.frost_textures == "generated" and "frost" in self.kinds else ""
        return f"mean of {kinds} at {severities}{files}{frost}"


class OfficialCorruptions(Corruptions):
    """The resolved settings of corruptions from official files.

    Attributes:
        files: the fingerprint of the files below ``root``.
    """

    files: str

    def resolved(self) -> "OfficialCorruptions":
        """Return the settings unchanged, because they are resolved already."""
        return self

    def non_default(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, without ``root``.

        A key depends on the content of the official files and not on their path.
        """
        return {name: value for name, value in super().non_default().items() if name != "root"}


class Attacks(FrozenModel):
    """The attacks of a sweep: the block ``attacks`` of its file, with the settings of each attack that is named there.

    Without that block, the attacks are the paper's three: ``fgsm``, ``occlusion`` and ``corruptions``. An attack may be
    named without settings (``occlusion:``); its settings then have their defaults.

    Attributes:
        fgsm: the fast gradient sign method, one step along the gradient.
        occlusion: a black square in the middle of the image.
        corruptions: noise, blur, weather and digital artefacts, 15 kinds.
        pgd: projected gradient descent, many steps along the gradient.
        square: a random search that needs no gradient.
        autoattack: an ensemble of four attacks, the standard of the field; it needs an extra package.
    """

    fgsm: Fgsm | None = None
    occlusion: Occlusion | None = None
    corruptions: Corruptions | None = None
    pgd: Pgd | None = None
    square: Square | None = None
    autoattack: Autoattack | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _fill_bare_name(cls, value: Any) -> Any:
        """Return the settings of an attack unchanged, or an empty block (all defaults) if only its name is given."""
        return {} if value is None else value

    def chosen(self) -> dict[str, AttackSettings]:
        """Return the attacks of the sweep by name with their settings, in the order of the catalogue."""
        return {name: settings for name, settings in self if settings is not None}


DEFAULT_ATTACKS = Attacks(fgsm=Fgsm(), occlusion=Occlusion(), corruptions=Corruptions())


def epsilon_text(epsilon: float) -> str:
    """Return an ε in words: ``8/255`` if it is a whole number of pixel levels, else a decimal."""
    levels = Fraction(epsilon * 255).limit_denominator(1000)
    is_whole = levels.denominator == 1 and levels.numerator / 255 == epsilon
    return f"{levels.numerator}/255" if is_whole else f"{epsilon:g}"
