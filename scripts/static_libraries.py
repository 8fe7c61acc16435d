"""Links to the static forms of libraries of the system, in a folder where the linker looks first.

The linker takes a library's shared form where both lie in one folder. What is linked from here goes into the program, which then runs on
machines that have none of it; where the system has no static form, the program needs the shared one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["sqlite3", "z"]


def link_static_libraries(folder: Path):
    """Does nothing on macOS, where both belong to the system."""
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
    """Asks the C++ compiler, which says the bare name of what it does not know."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        return None
    answer = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
    return Path(answer) if Path(answer).is_absolute() else None
