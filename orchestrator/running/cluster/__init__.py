"""Running a plan on a Ray cluster; nothing outside this folder imports Ray."""
