"""Tells before a test whether its results can be written after it."""

import os
import tempfile
from pathlib import Path


def is_writable_folder(folder: str | Path) -> bool:
    """Whether files can be made in a folder; one is, and is gone again."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_writable(path: str | Path) -> bool:
    """Whether a file can be written, or made; it is not touched."""
    path = Path(path)
    if path.is_dir():
        return False
    return os.access(path, os.W_OK) if path.exists() else is_writable_folder(path.parent)
