"""No attack: generalization, and two signs by which a robustness that is an illusion shows itself."""

from torch import Tensor

from sweeps.attacks import Clean
from workers.attacks.subject import Evaluation, Outcome, Subject


def clean(subject: Subject, settings: Clean) -> Evaluation:
    """Accuracy on the test images as they are, mean logit margin and share of vanishing input gradients."""
    correct = (subject.logits.argmax(1) == subject.labels).cpu().numpy()
    return Evaluation(
        outcomes=(Outcome("clean", 0.0, correct),),
        headline_severity=0.0,
        measures={
            "logit_margin": logit_margins(subject.logits, subject.labels).double().mean().item(),
            "vanishing_gradients": float(subject.vanishing.mean()),
        },
    )


def logit_margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The true class's logit minus the largest of the others: logits (N, classes), labels (N,) to (N,)."""
    true = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return true[:, 0] - others.amax(1)
