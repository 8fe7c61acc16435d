"""Fills in the formula for Homebrew.

    homebrew.py REPOSITORY-URL FOLDER     prints the formula for the release whose SHA256SUMS is in the folder
"""

import re
import sys
from pathlib import Path

from version import REPOSITORY, version


def formula(homepage: str, sums: str) -> str:
    """Returns the formula. Raises KeyError if a checksum is missing."""
    checksums = {name: checksum for checksum, name in (line.split() for line in sums.splitlines())}
    text = (REPOSITORY / "packaging/homebrew/shimmy.rb.in").read_text()
    text = text.replace("@HOMEPAGE@", homepage).replace("@DOWNLOADS@", f"{homepage}/releases/download/v{version()}").replace("@VERSION@", version())
    text = re.sub(r"@SHA256:([\w-]+)@", lambda found: checksums[f"shimmy-{version()}-{found.group(1)}.tar.gz"], text)
    # The first line says how the file was made.
    return text.split("\n", 1)[1]


if __name__ == "__main__":
    print(formula(sys.argv[1].rstrip("/"), (Path(sys.argv[2]) / "SHA256SUMS").read_text()), end="")
