"""Running a plan: the schedule, the dispatcher that follows it, and the executors (a Ray cluster, this process)."""
