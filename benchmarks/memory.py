"""The peak memory of a process, as reported by the Linux kernel."""

from pathlib import Path

MIB = 2**20
PROCESS_STATUS = Path("/proc/self/status")


def own_peak_memory() -> int:
    """Return the peak resident memory of this process, in bytes.

    ``getrusage`` is of no use here: a process inherits the ``ru_maxrss`` of its parent process.
    """
    (peak,) = (line for line in PROCESS_STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) * 1024
