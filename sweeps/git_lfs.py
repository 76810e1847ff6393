"""Git LFS, which stores a short text, the pointer, in place of a large file until the file is fetched."""

POINTER_PREFIX = b"version https://git-lfs"
"""The bytes with which a pointer begins."""
