"""Links to the static versions of system libraries, in a folder that the linker searches first.

If a folder contains both versions of a library, the linker uses the shared one. Libraries that are linked from this folder become part of
the program, which then runs on machines without them. If the system has no static version, the program needs the shared one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["sqlite3", "z"]


def link_static_libraries(folder: Path):
    """Creates the links. Has no effect on macOS, where both libraries are part of the system."""
    if sys.platform == "darwin":
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        link = folder / f"lib{name}.a"
        found = find(link.name)
        if link.is_symlink() and (found is None or link.resolve() != found.resolve()):
            link.unlink()
        if found and not link.exists():
            link.symlink_to(found)


def find(name: str) -> Path | None:
    """Returns the path of a library according to the C++ compiler, or None if the compiler prints only its bare name."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        return None
    answer = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    return Path(answer) if Path(answer).is_absolute() else None
