"""No attack: generalization, and two signs by which a robustness that is an illusion shows itself."""

import torch

from sweeps.attacks import Clean
from workers.attacks.losses import logit_margins
from workers.attacks.subject import Evaluation, Outcome, Subject


def clean(subject: Subject, settings: Clean) -> Evaluation:
    """Accuracy on the test images as they are, mean logit margin and share of vanishing input gradients."""
    right, margins = [], []
    with torch.inference_mode():
        for batch in subject.batches():
            logits, labels = subject.network(subject.pixels(batch)), subject.labels[batch]
            right.append(logits.argmax(1) == labels)
            margins.append(logit_margins(logits, labels))
    correct = torch.cat(right).cpu().numpy()
    return Evaluation(
        outcomes=(Outcome("clean", 0.0, correct),),
        headline_severity=0.0,
        measures={
            "logit_margin": torch.cat(margins).double().mean().item(),
            "vanishing_gradients": float(subject.vanishing.mean()),
        },
    )
