"""Runs every benchmark and prints the table: ``make bench``."""

from benchmarks import elements, fgsm, pgd, start, streaming

BENCHMARKS = (elements, fgsm, pgd, start, streaming)

for benchmark in BENCHMARKS:
    for ratio in benchmark.run():
        print(ratio.line(), flush=True)
