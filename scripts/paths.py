"""The directories that Shimmy's scripts and the program share. Mirrors Sources/ShimmyModels/Directories.swift."""

import os
import sys
from pathlib import Path


def cache_directory() -> Path:
    """Returns the directory of files that can be fetched or built again."""
    if override := os.environ.get("SHIMMY_CACHE_DIR"):
        return Path(override)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/shimmy"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shimmy"


def data_directory() -> Path:
    """Returns the directory of models and other files that must not be lost."""
    if override := os.environ.get("SHIMMY_DATA_DIR"):
        return Path(override)
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/shimmy"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "shimmy"


def model_directory() -> Path:
    return data_directory() / "models"
