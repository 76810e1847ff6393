"""The criteria, one file each. A criterion is ``score_filters`` and ``score_blocks``; the lowest score goes
first.
"""
