"""The settings of each attack: severities, and the headline severity that enters ``robustness``."""

from fractions import Fraction
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from sweeps.block import Block
from sweeps.numbers import Number, Whole

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
Epsilon = Annotated[Number, Field(gt=0, le=1)]
Side = Annotated[Whole, Field(ge=1)]
Severity = Annotated[Whole, Field(ge=1, le=5)]


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


class AttackSettings(Block):
    """One attack's block of a sweep file."""

    def settled(self) -> Self:
        """The settings with every choice made that depends on what is installed: a key must not depend on it."""
        return self

    def headline_text(self) -> str:
        """The headline severity in words; it becomes part of a trial's ``robustness_definition``."""
        return ""


class Clean(AttackSettings):
    """No attack: the test images as they are."""


class Fgsm(AttackSettings):
    """One step along the sign of the loss's gradient (Goodfellow et al. 2015); ε in [0, 1] pixel units."""

    epsilons: Epsilons = (2 / 255, 4 / 255, 8 / 255, 16 / 255)
    headline: Epsilon = 8 / 255

    @model_validator(mode="after")
    def _headline_is_run(self) -> "Fgsm":
        if self.headline not in self.epsilons:
            raise ValueError(f"headline {epsilon_text(self.headline)} is not among the epsilons")
        return self

    def headline_text(self) -> str:
        return f"at {epsilon_text(self.headline)}"


class Occlusion(AttackSettings):
    """A centred black square; ``sides`` in pixels. Left out, they are eight steps up to half of the image's side."""

    sides: Sides | None = None
    headline: Side | None = None

    @model_validator(mode="after")
    def _headline_is_run(self) -> "Occlusion":
        if self.headline is not None and self.sides is not None and self.headline not in self.sides:
            raise ValueError(f"headline {self.headline} is not among the sides")
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
    """The common corruptions of Hendrycks and Dietterich (2019), generated with CIFAR-10-C's constants.

    ``frost_textures``: those of the installed imagecorruptions-imaug (``package``), one of ours (``generated``), or
    the first where it is installed (``auto``, which is settled before a key is made).
    """

    kinds: Kinds = CORRUPTION_KINDS
    severities: Severities = (1, 2, 3, 4, 5)
    headline: Severity = 5
    frost_textures: Literal["auto", "package", "generated"] = "auto"

    @model_validator(mode="after")
    def _headline_is_run(self) -> "Corruptions":
        if self.headline not in self.severities:
            raise ValueError(f"headline {self.headline} is not among the severities")
        return self

    def settled(self) -> Self:
        if self.frost_textures != "auto" and "frost" in self.kinds:
            return self
        has_package = "frost" in self.kinds and find_spec("imagecorruptions") is not None
        return self.model_copy(update={"frost_textures": "package" if has_package else "generated"})

    def headline_text(self) -> str:
        is_all = self.kinds == CORRUPTION_KINDS
        kinds = f"{len(self.kinds)} kinds" if is_all else ", ".join(self.kinds)
        frost = " with generated frost" if self.frost_textures == "generated" and "frost" in self.kinds else ""
        return f"mean of {kinds} at {self.headline}{frost}"


class Attacks(Block):
    """The attacks of a sweep: those that are named here; all three where the sweep file has no such block."""

    fgsm: Fgsm | None = None
    occlusion: Occlusion | None = None
    corruptions: Corruptions | None = None

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
