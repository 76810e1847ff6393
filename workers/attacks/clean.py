"""No attack: generalization, and two signs by which a robustness that is an illusion shows itself."""

from prunesweep.sweeps.attacks import Clean
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def clean(subject: Subject, settings: Clean) -> Evaluation:
    """Accuracy on the test images as they are, mean logit margin and share of vanishing input gradients."""
    found = subject.clean_pass
    return Evaluation(
        outcomes=(Outcome("clean", 0.0, found.correct),),
        headline_severity=0.0,
        measures={
            "logit_margin": found.margins.double().mean().item(),
            "vanishing_gradients": float(found.vanishing.mean()),
        },
    )
