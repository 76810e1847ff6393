"""The evaluation without an attack: generalization, calibration, and two measures that expose gradient masking."""

from prunesweep.sweeps.attacks import Clean
from prunesweep.workers.attacks.calibration import expected_calibration_error
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def clean(subject: Subject, settings: Clean) -> Evaluation:
    """Evaluate the network on the clean test images.

    Returns:
        The evaluation, with the predictions. Its measures are the expected calibration error, the mean logit margin and
        the share of images with a vanishing input gradient.
    """
    clean_pass = subject.clean_pass
    return Evaluation(
        outcomes=(Outcome("clean", 0.0, clean_pass.correct),),
        headline_severity=0.0,
        measures={
            "logit_margin": clean_pass.margins.double().mean().item(),
            "vanishing_gradients": float(clean_pass.vanishing.mean()),
            "ece": expected_calibration_error(clean_pass.predictions),
        },
        predictions=clean_pass.predictions,
    )
