"""The version of the program and the commit that is built.

    version.py            prints the version, such as 0.1.0
    version.py --commit   prints the commit as `git describe` names it, or nothing outside of a repository
"""

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def version() -> str:
    """Returns the version, which the program's source declares."""
    source = (REPOSITORY / "Sources/shimmy/Shimmy.swift").read_text()
    return re.search(r'enum BuildVersion \{\s+static let text = "([^"]+)"', source).group(1)


def commit() -> str:
    """Returns the commit; `-dirty` at its end means that files differ from it."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--tags", "--match", "v*"]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    print(commit() if sys.argv[1:] == ["--commit"] else version())
