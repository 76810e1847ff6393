"""Git LFS, which leaves a short text in the place of a large file until that is fetched."""

POINTER = b"version https://git-lfs"
"""How that text, the pointer, begins."""
