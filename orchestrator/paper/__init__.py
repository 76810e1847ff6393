"""The paper's tables and figures, reproduced from the results of a store: ``prunesweep reproduce``.

"On the Effect of Pruning on Adversarial Robustness" (Jordao and Pedrini, 2021).
"""
