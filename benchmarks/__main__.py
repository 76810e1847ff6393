"""Runs every benchmark and prints the table: ``make bench``."""

from benchmarks import fgsm, start

BENCHMARKS = (fgsm, start)

for benchmark in BENCHMARKS:
    for ratio in benchmark.run():
        print(ratio.line(), flush=True)
