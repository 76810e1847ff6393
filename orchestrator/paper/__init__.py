"""The paper's tables and figures, made from a store: ``prunesweep reproduce``.

"On the Effect of Pruning on Adversarial Robustness" (Jordao and Pedrini, 2021).
"""
