"""Running a plan: the schedule, what is told of it, and the executors: a Ray cluster, or this process."""
