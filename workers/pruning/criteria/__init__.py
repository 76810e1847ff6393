"""The criteria, one module each, with the functions ``score_filters`` and ``score_blocks``.

Structures with the lowest scores are removed first.
"""
