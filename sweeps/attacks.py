"""The settings of each attack: severities, and the headline severity that enters ``robustness``."""

from collections.abc import Iterable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, PlainValidator, field_validator, model_validator

from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.images.corruption_files import cifar10_c_fingerprint, imagenet_c_fingerprint
from prunesweep.sweeps.numbers import Whole
from prunesweep.sweeps.paths import UserPath
from prunesweep.sweeps.units import Epsilon, ImageCount, Pixels, Step
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
Severity = Annotated[Whole, Field(ge=1, le=5)]
MEAN = "mean"


def _check_corruption_headline(value: Any) -> Any:
    if value != MEAN and (type(value) is not int or not 1 <= value <= 5):
        raise ValueError(f"{value!r} is no headline of corruptions; give a severity from 1 to 5, or {MEAN}")
    return value


CorruptionHeadline = Annotated[int | Literal["mean"], PlainValidator(_check_corruption_headline)]


def _sorted_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted(set(values)))


# The order and the repetition of severities and kinds mean nothing, so neither changes a key.
Epsilons = Annotated[tuple[Epsilon, ...], Field(min_length=1), AfterValidator(_sorted_once)]
Sides = Annotated[tuple[Side, ...], Field(min_length=1), AfterValidator(_sorted_once)]
Severities = Annotated[tuple[Severity, ...], Field(min_length=1), AfterValidator(_sorted_once)]
Kinds = Annotated[
    tuple[CorruptionKind, ...],
    Field(min_length=1),
    AfterValidator(lambda kinds: tuple(kind for kind in CORRUPTION_KINDS if kind in kinds)),
]


class AttackSettings(FrozenModel):
    """One attack's block of a sweep file."""

    def settled(self) -> "AttackSettings":
        """The settings with every choice made that depends on what is installed, or on what files hold.

        Raises:
            DataError: a file that they name is not there.
        """
        return self

    def headline_text(self) -> str:
        """The headline severity in words; it becomes part of a trial's ``robustness_definition``."""
        return ""

    def missing(self) -> str | None:
        """What the attack needs that is not installed, and how to get it; None where it can run."""
        return None


class Clean(AttackSettings):
    """No attack: the test images as they are."""


def _settle_headline(settings: "EpsilonSettings | Corruptions", severities: tuple[float, ...]) -> None:
    """Make the only severity of an attack its headline, where no other is asked for."""
    if len(severities) == 1 and "headline" not in settings.model_fields_set:
        object.__setattr__(settings, "headline", severities[0])  # blocks are frozen once they are read


def _headline_missing(settings: AttackSettings, headline: str, field: str, severities: Iterable[str]) -> str:
    """One line on a headline that is not run, with those that could be."""
    whose = "" if "headline" in settings.model_fields_set else " (it is the default)"
    return f"headline {headline} is not among the {field}{whose}; give headline: {listed(severities, 'or')}"


class EpsilonSettings(AttackSettings):
    """What attacks within an L∞ ball share: its radii ε, in [0, 1] pixel units.

    ``headline``: the ε that enters ``robustness``; left out, the only one, or 8/255 of several.
    """

    epsilons: Epsilons = (8 / 255,)
    headline: Epsilon = 8 / 255

    @model_validator(mode="after")
    def _headline_is_run(self) -> Self:
        _settle_headline(self, self.epsilons)
        if self.headline not in self.epsilons:
            epsilons = map(epsilon_text, self.epsilons)
            raise ValueError(_headline_missing(self, epsilon_text(self.headline), "epsilons", epsilons))
        return self

    def headline_text(self) -> str:
        return f"at {epsilon_text(self.headline)}"


class Fgsm(EpsilonSettings):
    """One step along the sign of the loss's gradient (Goodfellow et al. 2015)."""

    epsilons: Epsilons = (2 / 255, 4 / 255, 8 / 255, 16 / 255)


class Pgd(EpsilonSettings):
    """Projected gradient descent (Madry et al. 2018): ``steps`` FGSM steps within the ball, from a random start.

    ``step_size``: in [0, 1] pixel units; left out, 2.5 · ε / steps. ``loss``: ``margin`` is the difference of logits
    ratio, which large logits do not blunt. At 8/255, networks that were not trained against attacks keep about 0 %.
    """

    epsilons: Epsilons = (2 / 255, 8 / 255)
    steps: Whole = Field(default=10, ge=1, le=10_000)
    step_size: Step | None = None
    restarts: Whole = Field(default=1, ge=1, le=1000)
    loss: Literal["cross_entropy", "margin"] = "cross_entropy"
    random_start: bool = True

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise ValueError("restarts: without a random start all are the same; set random_start: true or restarts: 1")
        return self

    def headline_text(self) -> str:
        size = f" of {epsilon_text(self.step_size)}" if self.step_size is not None else ""
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        loss = ", margin loss" if self.loss == "margin" else ""
        start = "" if self.random_start else ", no random start"
        return f"{super().headline_text()}, {self.steps} steps{size}{restarts}{loss}{start}"


class Square(EpsilonSettings):
    """The Square Attack (Andriushchenko et al. 2020): a random search that needs no gradient; ``queries`` an image."""

    queries: Whole = Field(default=1000, ge=1, le=100_000)

    def headline_text(self) -> str:
        return f"{super().headline_text()}, {self.queries} queries"


class Autoattack(EpsilonSettings):
    """AutoAttack (Croce and Hein 2020) through the package pyautoattack.

    ``version``: ``standard``, or ``plus`` with restarts and more attacks. ``batch``: images at a time; the package
    draws its random numbers for a batch at once.
    """

    version: Literal["standard", "plus"] = "standard"
    batch: ImageCount = Field(default=250, ge=1, le=250)

    def headline_text(self) -> str:
        return f"{self.version} {super().headline_text()}"

    def missing(self) -> str | None:
        return None if find_spec("pyautoattack") else AUTOATTACK_MISSING


class Occlusion(AttackSettings):
    """A centred black square; ``sides`` in pixels. Left out, they are eight steps up to half of the image's side.

    ``headline``: the side that enters ``robustness``; left out, half of the image's, which is run beside the ``sides``.
    """

    sides: Sides | None = None
    headline: Side | None = None

    @model_validator(mode="after")
    def _headline_is_run(self) -> "Occlusion":
        if self.headline is not None and self.sides is not None and self.headline not in self.sides:
            raise ValueError(_headline_missing(self, str(self.headline), "sides", map(str, self.sides)))
        return self

    def sides_on(self, image_side: int) -> tuple[int, ...]:
        """The sides to run on images of this side, the headline's among them.

        Raises:
            ValueError: a side is larger than the image.
        """
        eighths = tuple(sorted({max(1, image_side * step // 16) for step in range(1, 9)}))
        sides = tuple(sorted({*(self.sides or eighths), self.headline_on(image_side)}))
        if sides[-1] > image_side:
            raise ValueError(f"attacks.occlusion: side {sides[-1]} is larger than the images ({image_side} pixels)")
        return sides

    def headline_on(self, image_side: int) -> int:
        """The headline's side on images of this side."""
        return image_side // 2 if self.headline is None else self.headline

    def headline_text(self) -> str:
        return "of half the side" if self.headline is None else f"of {self.headline} pixels"


class Corruptions(AttackSettings):
    """The common corruptions of Hendrycks and Dietterich (2019).

    ``source``: made here (``generated``), with ImageNet-C's constants for images from 128 pixels a side on and with
    CIFAR-10-C's for smaller ones; or the official files below ``root``, which hold the test images in use:
    ``cifar10_c`` (KIND.npy and labels.npy) or ``imagenet_c`` (KIND/SEVERITY/CLASS/*.JPEG).
    ``headline``: a severity, or the ``mean`` over all that are run. Left out, it is the mean of ``imagenet_c``, and
    else the only severity, or 5 of several.
    ``frost_textures``: where generated, those of the installed imagecorruptions-imaug (``package``), one of ours
    (``generated``), or the first where it is installed (``auto``, which is settled before a key is made).
    """

    kinds: Kinds = CORRUPTION_KINDS
    severities: Severities = (1, 2, 3, 4, 5)
    headline: CorruptionHeadline = 5
    frost_textures: Literal["auto", "package", "generated"] = "auto"
    source: Literal["generated", "cifar10_c", "imagenet_c"] = "generated"
    root: Annotated[UserPath, Field(min_length=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _all_severities_of_imagenet_c_count(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("source") == "imagenet_c":
            return {"headline": MEAN, **values}
        return values

    @model_validator(mode="after")
    def _settings_meet(self) -> Self:
        _settle_headline(self, self.severities)
        if self.headline != MEAN and self.headline not in self.severities:
            severities = (*map(str, self.severities), MEAN)
            raise ValueError(_headline_missing(self, str(self.headline), "severities", severities))
        if self.source == "generated" and self.root is not None:
            raise ValueError("root is for official files; set source: cifar10_c or source: imagenet_c beside it")
        if self.source != "generated" and self.root is None:
            raise ValueError(f"source {self.source} needs root: the folder that holds the files")
        return self

    def missing(self) -> str | None:
        wants_package = self.source == "generated" and self.frost_textures == "package" and "frost" in self.kinds
        return FROST_MISSING if wants_package and find_spec("imagecorruptions") is None else None

    def settled(self) -> "Corruptions":
        if self.root is not None:
            return self._with_fingerprint(str(Path(self.root).absolute()))
        if self.frost_textures != "auto" and "frost" in self.kinds:
            return self
        has_package = "frost" in self.kinds and find_spec("imagecorruptions") is not None
        return self.model_copy(update={"frost_textures": "package" if has_package else "generated"})

    def _with_fingerprint(self, root: str) -> "OfficialCorruptions":
        if self.source == "cifar10_c":
            files = cifar10_c_fingerprint(root, self.kinds)
        else:
            files = imagenet_c_fingerprint(root, self.kinds, self.severities)
        return OfficialCorruptions(**{**dict(self), "root": root, "frost_textures": "auto"}, files=files)

    def headline_text(self) -> str:
        is_all = self.kinds == CORRUPTION_KINDS
        kinds = f"{len(self.kinds)} kinds" if is_all else ", ".join(self.kinds)
        severities = ", ".join(map(str, self.severities)) if self.headline == MEAN else str(self.headline)
        files = {"cifar10_c": " of CIFAR-10-C's files", "imagenet_c": " of ImageNet-C's files"}.get(self.source, "")
        frost = " with generated frost" if self.frost_textures == "generated" and "frost" in self.kinds else ""
        return f"mean of {kinds} at {severities}{files}{frost}"


class OfficialCorruptions(Corruptions):
    """Corruptions from official files, settled: ``files`` is the fingerprint of what lies below ``root``."""

    files: str

    def settled(self) -> "OfficialCorruptions":
        return self

    def non_default(self) -> dict[str, Any]:
        """Without ``root``: what the files hold enters a key, and not where they lie."""
        return {name: value for name, value in super().non_default().items() if name != "root"}


class Attacks(FrozenModel):
    """The attacks of a sweep: those that are named here; the paper's three where the sweep file has no such block."""

    fgsm: Fgsm | None = None
    occlusion: Occlusion | None = None
    corruptions: Corruptions | None = None
    pgd: Pgd | None = None
    square: Square | None = None
    autoattack: Autoattack | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _bare_name_means_defaults(cls, value: Any) -> Any:
        return {} if value is None else value

    def chosen(self) -> dict[str, AttackSettings]:
        """The named attacks with their settings, in the order of the catalogue."""
        return {name: settings for name, settings in self if settings is not None}


DEFAULT_ATTACKS = Attacks(fgsm=Fgsm(), occlusion=Occlusion(), corruptions=Corruptions())


def epsilon_text(epsilon: float) -> str:
    """An ε as people write it: ``8/255`` where it is a whole number of pixel levels, else a decimal."""
    levels = Fraction(epsilon * 255).limit_denominator(1000)
    is_whole = levels.denominator == 1 and levels.numerator / 255 == epsilon
    return f"{levels.numerator}/255" if is_whole else f"{epsilon:g}"
