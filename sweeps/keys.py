"""Keys: content hashes that name stored objects by what they were computed from.

A key depends on the settings that differ from their defaults, the keys of earlier results that are used, the
fingerprint of the data, and the versions of the code used. It does not depend on where, when, in what order or in which
sweep the work is done.
"""

import hashlib
import json
from typing import Any

KEY_LENGTH = 32  # hexadecimal digits: 128 bits, so that no two objects of any store share a key

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(kind: str, content: Any) -> str:
    """Return the key of a content: the first 32 hexadecimal digits of a SHA-256.

    Args:
        kind: the kind of the object, such as ``network``; equal contents of different kinds have different keys.
        content: JSON values; the order of an object's members has no effect.
    """
    return hashlib.sha256(_canonical.encode([kind, content]).encode()).hexdigest()[:KEY_LENGTH]
