"""Keys: the content hashes that name stored things by what they were made from.

A key holds the settings that differ from their defaults, the keys of what came before, the data's fingerprint and
the versions of the stages used. It holds nothing of where, when, in what order or in which sweep the work was done.
"""

import hashlib
import json
from typing import Any

KEY_LENGTH = 32  # hexadecimal digits: 128 bits, so that no two things of any store share a key

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(kind: str, content: Any) -> str:
    """The key of ``content`` (plain JSON values) as a thing of this ``kind``: 32 hexadecimal digits of SHA-256."""
    return hashlib.sha256(_canonical.encode([kind, content]).encode()).hexdigest()[:KEY_LENGTH]
