"""Runs the black-box tests with their pinned clients, installed once into the cache directory."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from package_index import FetchError, install_tools
from paths import cache_directory, model_directory
from pins import DEFAULT_MODEL

REPOSITORY = Path(__file__).resolve().parent.parent
TESTS = REPOSITORY / "Tests" / "BlackBox"


def main() -> int:
    requirements = TESTS / "requirements.txt"
    version = "".join(map(str, sys.version_info[:2]))
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    packages = install_tools(["-r", str(requirements)], cache_directory() / "tools" / f"blackbox-py{version}-{key}")
    environment = dict(
        os.environ,
        PYTHONPATH=str(packages),
        SHIMMY_BINARY=os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy")),
        SHIMMY_TEST_MODEL=os.environ.get("SHIMMY_TEST_MODEL", str(model_directory() / DEFAULT_MODEL["model_filename"])),
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(sys.argv[1:] or ["."])]
    return subprocess.run(command, env=environment, cwd=TESTS).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FetchError as error:
        sys.exit(f"error: {error}")
