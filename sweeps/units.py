"""Quantities with a unit: what each can be, and what a value outside of that was probably meant to be.

A number in another unit than its own is no number out of place for a computer: a mean of 127 where pixels lie in
[0, 1] gives the accuracy of chance and no error. So what has a unit in a sweep file has its type here.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from prunesweep.sweeps.numbers import Number, check_whole

HIGHEST_LEARNING_RATE = 10.0
SMALLEST_STD = 1e-3  # a quarter of one of 255 levels: 8 bits show no less
MOST_MEBIBYTES = 2**20


def check_level(value: float, name: str) -> float:
    """Return a quantity in units of [0, 1] pixels as it came.

    Args:
        value: an intensity, or a difference of intensities.
        name: what it is, for the message.

    Raises:
        ValueError: it is above 1, and was probably meant in levels of 0 to 255, or of 16 bits.
    """
    if value <= 1:
        return value
    levels = next((highest for highest in (255, 65535) if value <= highest), None)
    guess = f": did you mean {value:.10g}/{levels}?" if levels else ""
    raise ValueError(f"{name} {value:.10g} is above 1; pixels lie in [0, 1]{guess}")


def check_share(value: float, name: str = "") -> float:
    """Return a share as it came.

    Args:
        value: a part of a whole, which is 1.
        name: what it is, for the message; left out where the place already says so.

    Raises:
        ValueError: it is above 1, and was probably meant in percent.
    """
    if value <= 1:
        return value
    guess = f": did you mean {value / 100:g}?" if value <= 100 else ""
    raise ValueError(f"{name} {value:g} is above 1; it is a share{guess}".lstrip())


def _check_std(value: float) -> float:
    if 0 < value < SMALLEST_STD:
        raise ValueError(
            f"std {value:g} is below {SMALLEST_STD:g}, less than 8-bit images can vary; pixels lie in [0, 1]: did you "
            f"mean {value * 255:.3g}?"
        )
    return check_level(value, "std")


def _check_share_of_epochs(value: float, info: ValidationInfo) -> float:
    epochs = info.data.get("epochs")
    if value > 1:
        meant = f"did you mean {value:g}/{epochs}?" if epochs and value < epochs else "write 0.5 for half of them"
        raise ValueError(f"{value:g} is above 1; it is a share of the epochs: {meant}")
    return value


def _check_factor(value: float) -> float:
    if value > 1:
        raise ValueError(f"{value:g} is above 1; the learning rate is multiplied by it: did you mean 1/{value:g}?")
    return value


def _at_most(highest: float, name: str) -> Callable[[float], float]:
    """A validator of what is never above ``highest``, unless a power of ten lost its sign."""

    def check(value: float) -> float:
        if value <= highest:
            return value
        digits, _, power = f"{value:e}".partition("e+")
        guess = f": did you mean {float(digits):g}e-{int(power)}?" if power.strip("0") else ""
        raise ValueError(f"{value:g} is above {highest:g}, more than a {name} can be{guess}")

    return check


def _check_mebibytes(value: Any) -> Any:
    if type(value) is int and value > MOST_MEBIBYTES:
        raise ValueError(f"{value} is in MiB and too much: did you mean {max(1, value // 2**20)}?")
    return value


Intensity = Annotated[Number, AfterValidator(partial(check_level, name="mean")), Field(ge=0)]
"""Of a channel, in [0, 1] pixel units."""

Deviation = Annotated[Number, AfterValidator(_check_std), Field(ge=0)]
"""The standard deviation of a channel, in [0, 1] pixel units."""

Epsilon = Annotated[Number, Field(gt=0), AfterValidator(partial(check_level, name="epsilon"))]
"""How far a pixel may go, in (0, 1]."""

Step = Annotated[Number, Field(gt=0), AfterValidator(partial(check_level, name="step"))]
"""How far a pixel goes in one step, in (0, 1]."""

Share = Annotated[Number, AfterValidator(check_share), Field(gt=0, lt=1)]
"""A part of a whole, and neither none of it nor all."""

ShareFromNone = Annotated[Number, AfterValidator(check_share), Field(ge=0, lt=1)]
"""A part of a whole that may be none of it, and is never all."""

ShareOfEpochs = Annotated[Number, AfterValidator(_check_share_of_epochs), Field(gt=0, lt=1)]
"""A point in a training; ``epochs`` stands before it in its block."""

Factor = Annotated[Number, AfterValidator(_check_factor), Field(gt=0, lt=1)]
"""By which a learning rate is lowered."""

LearningRate = Annotated[Number, AfterValidator(_at_most(HIGHEST_LEARNING_RATE, "learning rate")), Field(gt=0)]
WeightDecay = Annotated[Number, AfterValidator(_at_most(1, "weight decay")), Field(ge=0)]

Pixels = Annotated[int, Strict(), BeforeValidator(partial(check_whole, unit="pixels"))]
ImageCount = Annotated[int, Strict(), BeforeValidator(partial(check_whole, unit="images"))]
Mebibytes = Annotated[int, Strict(), BeforeValidator(_check_mebibytes), BeforeValidator(check_whole)]
