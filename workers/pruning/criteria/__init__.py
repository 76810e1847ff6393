"""The criteria; each module is one criterion, with the functions ``score_filters`` and ``score_blocks``.

Structures with the lowest scores are removed first.
"""
