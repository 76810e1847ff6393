"""Runs every benchmark and prints the table: ``make bench``."""

from benchmarks import elements, fgsm, pgd, start, streaming
from benchmarks.timing import show

BENCHMARKS = (fgsm, pgd, elements, streaming, start)

for benchmark in BENCHMARKS:
    show(benchmark.run())
