"""Quantities with a unit: the range of each, and a guess at what a value outside that range was meant to be.

A number in the wrong unit would not fail by itself: a mean of 127 for pixels in [0, 1] gives the accuracy of chance and
no error. So every quantity of a sweep file that has a unit gets its type here.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from prunesweep.sweeps.numbers import Number, check_whole_number

HIGHEST_LEARNING_RATE = 10.0
SMALLEST_STD = 1e-3  # a quarter of one of the 255 levels; 8-bit images cannot vary less
MAX_MEBIBYTES = 2**20


def check_level(value: float, name: str) -> float:
    """Check that a quantity in units of [0, 1] pixels is at most 1, and return it unchanged.

    Args:
        value: an intensity, or a difference of intensities.
        name: the name of the quantity, for the message.

    Raises:
        ValueError: the value is above 1; it was probably meant in levels of 0 to 255 or 0 to 65,535.
    """
    if value <= 1:
        return value
    levels = next((highest for highest in (255, 65535) if value <= highest), None)
    guess = f": did you mean {value:.10g}/{levels}?" if levels else ""
    raise ValueError(f"{name} {value:.10g} is above 1; pixels lie in [0, 1]{guess}")


def check_share(value: float, name: str = "") -> float:
    """Check that a share of a whole is at most 1, and return it unchanged.

    Args:
        value: the share.
        name: the name of the quantity, for the message; empty if the message already begins with the key path of the
            quantity.

    Raises:
        ValueError: the value is above 1; it was probably meant in percent.
    """
    if value <= 1:
        return value
    guess = f": did you mean {value / 100:g}?" if value <= 100 else ""
    raise ValueError(f"{name} {value:g} is above 1; it is a share{guess}".lstrip())


def _check_std(value: float) -> float:
    """Check that the standard deviation of a channel of 8-bit images is possible, and return it unchanged.

    Raises:
        ValueError: the value is positive but below ``SMALLEST_STD``, or it is above 1.
    """
    if 0 < value < SMALLEST_STD:
        raise ValueError(
            f"std {value:g} is below {SMALLEST_STD:g}, less than 8-bit images can vary; pixels lie in [0, 1]: did you "
            f"mean {value * 255:.3g}?"
        )
    return check_level(value, "std")


def _check_share_of_epochs(value: float, info: ValidationInfo) -> float:
    """Check that a share of the epochs is at most 1, and return it unchanged.

    Raises:
        ValueError: the value is above 1; it was probably meant as a number of epochs.
    """
    epochs = info.data.get("epochs")
    if value > 1:
        meant = f"did you mean {value:g}/{epochs}?" if epochs and value < epochs else "write 0.5 for half of them"
        raise ValueError(f"{value:g} is above 1; it is a share of the epochs: {meant}")
    return value


def _check_learning_rate_factor(value: float) -> float:
    """Check that the factor that lowers a learning rate is at most 1, and return it unchanged.

    Raises:
        ValueError: the value is above 1; it was probably meant as a divisor.
    """
    if value > 1:
        raise ValueError(f"{value:g} is above 1; the learning rate is multiplied by it: did you mean 1/{value:g}?")
    return value


def _at_most(highest: float, name: str) -> Callable[[float], float]:
    """Return a pydantic validator that refuses values above a limit.

    Its error message guesses what was meant if the exponent may lack a minus: 1e-3 for 1e3.

    Args:
        highest: the limit.
        name: the name of the quantity, for the message.
    """

    def check(value: float) -> float:
        if value <= highest:
            return value
        digits, _, power = f"{value:e}".partition("e+")
        guess = f": did you mean {float(digits):g}e-{int(power)}?" if power.strip("0") else ""
        raise ValueError(f"{value:g} is above {highest:g}, more than a {name} can be{guess}")

    return check


def _check_mebibytes(value: Any) -> Any:
    """Check that an amount of memory in MiB is at most ``MAX_MEBIBYTES``, and return it unchanged.

    Raises:
        ValueError: the value is larger; it was probably meant in bytes.
    """
    if type(value) is int and value > MAX_MEBIBYTES:
        raise ValueError(f"{value} MiB is too much: did you mean {max(1, value // 2**20)}?")
    return value


ChannelMean = Annotated[Number, AfterValidator(partial(check_level, name="mean")), Field(ge=0, le=1)]
"""The mean of a channel, in units of [0, 1] pixels."""

ChannelStd = Annotated[Number, AfterValidator(_check_std), Field(ge=0, le=1)]
"""The standard deviation of a channel, in units of [0, 1] pixels."""

Epsilon = Annotated[Number, AfterValidator(partial(check_level, name="epsilon")), Field(gt=0, le=1)]
"""The largest change of a pixel under an attack, in (0, 1]."""

StepSize = Annotated[Number, AfterValidator(partial(check_level, name="step")), Field(gt=0, le=1)]
"""The change of a pixel in one step of an attack, in (0, 1]."""

Share = Annotated[Number, AfterValidator(check_share), Field(gt=0, lt=1)]
"""A share in (0, 1)."""

ShareOrZero = Annotated[Number, AfterValidator(check_share), Field(ge=0, lt=1)]
"""A share in [0, 1)."""

ShareOfEpochs = Annotated[Number, AfterValidator(_check_share_of_epochs), Field(gt=0, lt=1)]
"""A point in a training as a share of its epochs, in (0, 1).

The model that has such a field must declare its field ``epochs`` first, because the error message quotes it.
"""

LearningRateFactor = Annotated[Number, AfterValidator(_check_learning_rate_factor), Field(gt=0, lt=1)]
"""The factor by which a learning rate is lowered, in (0, 1)."""

LearningRate = Annotated[
    Number, AfterValidator(_at_most(HIGHEST_LEARNING_RATE, "learning rate")), Field(gt=0, le=HIGHEST_LEARNING_RATE)
]
"""A learning rate, above 0 and at most ``HIGHEST_LEARNING_RATE``."""

WeightDecay = Annotated[Number, AfterValidator(_at_most(1, "weight decay")), Field(ge=0, le=1)]
"""The factor of L2 regularisation in the optimizer, in [0, 1]."""

Pixels = Annotated[int, Strict(), BeforeValidator(partial(check_whole_number, unit="pixels"))]
ImageCount = Annotated[int, Strict(), BeforeValidator(partial(check_whole_number, unit="images"))]
Mebibytes = Annotated[
    int, Strict(), BeforeValidator(_check_mebibytes), BeforeValidator(check_whole_number), Field(le=MAX_MEBIBYTES)
]
