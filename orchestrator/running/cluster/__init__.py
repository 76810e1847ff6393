"""Running a plan on a Ray cluster; no module outside this folder imports Ray."""
