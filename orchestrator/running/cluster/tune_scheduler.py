"""Ray Tune's choice among trials that wait: none, because the searcher hands out only what can run at once."""

from typing import Any

from ray.tune.schedulers import FIFOScheduler


class NoFavourite(FIFOScheduler):
    """Leaves it to Tune to give a free worker to a trial that has none coming.

    Tune's own scheduler prefers the oldest trial that waits, and so one whose worker is being started: it gets the
    free worker, its own is ended before it was of use, and the next trial asks for another. Where trials are shorter
    than the start of a worker, all ran on one. It also looks through all trials at each event.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None, which Tune takes for no preference."""
