"""The root of an older Linux, against whose C library the distributed program is linked.

A program needs at least the C library that it was linked against. The compilers of this machine need a newer one themselves, so they run here,
and only the link uses the old library: its start files, its shared libraries and the parts of it that are always static. The program's objects
need a function and a variable that the old library lacks; compat.c has them. The C++ runtime, SQLite and zlib of this machine become part of the
program.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from package_index import FetchError, fetch
from pins import DEBIAN_MIRRORS, SYSROOT
from static_libraries import find

COMPAT = Path(__file__).resolve().parent / "compat.c"
STATIC = ["libstdc++.a", "libsqlite3.a", "libz.a"]


def sysroot(cache: Path) -> Path:
    """Returns the root, after building it on first use."""
    pins = SYSROOT.get(platform.machine())
    if pins is None:
        raise FetchError(f"there are no pinned packages for {platform.machine()}")
    key = "-".join(checksum[:6] for checksum in pins.values())
    root = cache / "sysroot" / f"{platform.machine()}-{key}"
    if not root.exists():
        aside = root.with_name(f"{root.name}.{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for path, checksum in pins.items():
            pin = {"filename": path.rsplit("/", 1)[1], "sha256": checksum, "mirrors": [f"{mirror}/{path}" for mirror in DEBIAN_MIRRORS]}
            unpack(fetch(pin, cache / "downloads"), aside)
        make_links_relative(aside)
        aside.rename(root)
    add_libraries(root / "shimmy")
    return root


def unpack(package: Path, root: Path):
    """Unpacks the files of a Debian package."""
    member = next(name for name in subprocess.run(["ar", "t", package], capture_output=True, text=True, check=True).stdout.split() if "data" in name)
    data = subprocess.run(["ar", "p", package, member], capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-J" if member.endswith(".xz") else "--zstd", "-C", root], input=data, check=True)


def make_links_relative(root: Path):
    """Makes absolute links lead to files of the root. They would lead to the libraries of this machine."""
    for path in root.rglob("*"):
        if path.is_symlink() and os.readlink(path).startswith("/"):
            target = root / os.readlink(path)[1:]
            path.unlink()
            path.symlink_to(os.path.relpath(target, path.parent))


def add_libraries(folder: Path):
    """Adds what the program needs beside the old C library."""
    folder.mkdir(exist_ok=True)
    for name in STATIC:
        found = find(name)
        if found is None:
            raise FetchError(f"there is no {name}; install g++, libsqlite3-dev and zlib1g-dev")
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(found)
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-fPIC", "-Wall", "-Werror", "-c", COMPAT, "-o", folder / "compat.o"], check=True)
