"""Builds the program for other machines and packs it.

    dist.py [--output FOLDER]           writes shimmy-VERSION-linux-x86_64.tar.gz, its bill of materials and SHA256SUMS
    dist.py --program FILE [...]        packs a program that is already built

On Linux, the program runs with glibc 2.31 or newer, on any x86-64-v2 processor (or ARMv8.2 with dot products). It uses the best instructions of
its processor: Shimmy's kernels choose at run time anyway, and the library has several variants of ggml's CPU backend (cpu_variants.py).
scripts/dist_check.py proves both. The build has a folder of its own, .build-dist, beside that of `make build`.
"""

import argparse
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import man_pages
import sbom
from package_index import FetchError
from paths import cache_directory
from sysroot import sysroot
from version import REPOSITORY, commit, version

SCRATCH = REPOSITORY / ".build-dist"
LINUX = sys.platform == "linux"
# The newest symbols that the program may need, by the name of their library.
NEWEST = {"GLIBC": (2, 31)}
# Libraries that are part of glibc. All others must be in the program.
ALLOWED = re.compile(r"(lib(c|m|dl|rt|pthread|util)\.so\.\d+|ld-linux[\w-]*\.so\.\d+)$")
DOCUMENTS = ["LICENSE", "THIRD_PARTY_NOTICES.md", "CHANGELOG.md"]


def name() -> str:
    machine = {"AMD64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"shimmy-{version()}-{'linux' if LINUX else 'macos'}-{machine}"


def build() -> Path:
    """Builds the program. Returns its path."""
    subprocess.run([sys.executable, REPOSITORY / "scripts/build_llama.py", "--portable"], check=True)
    subprocess.run([sys.executable, REPOSITORY / "scripts/embed_page.py"], check=True)
    environment = dict(os.environ, SHIMMY_COMMIT=commit())
    # The manifest takes the portable library if there is a root. macOS links against its own SDK.
    environment["SHIMMY_SYSROOT"] = str(sysroot(cache_directory())) if LINUX else "/"
    command = ["swift", "build", "-c", "release", "--no-color-diagnostics", "--scratch-path", str(SCRATCH), "--product", "shimmy"]
    if subprocess.run(command, cwd=REPOSITORY, env=environment).returncode != 0:
        raise FetchError("the program did not build; the lines above say why")
    return SCRATCH / "release/shimmy"


def check(program: Path):
    """Raises FetchError if the program needs a newer C library, or a library that machines may not have."""
    if not LINUX:
        return
    needed = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
    if foreign := [library for library in re.findall(r"Shared library: \[(.+?)\]", needed) if not ALLOWED.match(library)]:
        raise FetchError(f"the program needs libraries that machines may not have: {', '.join(foreign)}")
    symbols = subprocess.run(["readelf", "--dyn-syms", "-W", program], capture_output=True, text=True, check=True).stdout
    for library, newest in NEWEST.items():
        for symbol, number in re.findall(rf"(\S+)@{library}_([\d.]+)", symbols):
            if tuple(map(int, number.split("."))) > newest:
                raise FetchError(f"the program needs {symbol} of {library} {number}; {'.'.join(map(str, newest))} is the limit")


def contents(program: Path) -> dict[str, tuple[bytes, int]]:
    """Returns the files of the archive by their path in it: their bytes and permissions."""
    files = {"bin/shimmy": (program.read_bytes(), 0o755)}
    for document in DOCUMENTS:
        files[f"share/doc/shimmy/{document}"] = ((REPOSITORY / document).read_bytes(), 0o644)
    for page, text in man_pages.pages(program).items():
        files[f"share/man/man1/{page}"] = (text.encode(), 0o644)
    for path, text in completions(program).items():
        files[f"share/{path}"] = (text, 0o644)
    return files


def completions(program: Path) -> dict[str, bytes]:
    """Returns the shells' completion scripts by their path in a `share` directory."""
    paths = {"bash": "bash-completion/completions/shimmy", "zsh": "zsh/site-functions/_shimmy", "fish": "fish/vendor_completions.d/shimmy.fish"}
    return {path: subprocess.run([program, "completions", shell], capture_output=True, check=True).stdout for shell, path in paths.items()}


def pack(files: dict[str, tuple[bytes, int]], archive: Path, top: str):
    """Writes an archive. The same files make the same bytes."""
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or commit_time()
    with open(archive, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=stamp, filename="") as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, (content, permissions) in sorted(files.items()):
                entry = tarfile.TarInfo(f"{top}/{path}")
                entry.size, entry.mode, entry.mtime, entry.uname, entry.gname = len(content), permissions, stamp, "root", "root"
                tar.addfile(entry, io.BytesIO(content))


def commit_time() -> int:
    shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=REPOSITORY, capture_output=True, text=True)
    return int(shown.stdout.strip() or 0)


def write_sums(folder: Path):
    """Writes the checksums of all files of the folder, in the format of sha256sum."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / ".build-dist/packages")
    parser.add_argument("--program", type=Path)
    arguments = parser.parse_args()
    program = arguments.program or build()
    check(program)
    arguments.output.mkdir(parents=True, exist_ok=True)
    archive = arguments.output / f"{name()}.tar.gz"
    pack(contents(program), archive, name())
    (arguments.output / f"{name()}.spdx.json").write_text(sbom.document())
    if LINUX and shutil.which("dpkg-deb"):
        import deb

        print(deb.build(program, arguments.output))
    write_sums(arguments.output)
    print(archive)


if __name__ == "__main__":
    try:
        main()
    except (FetchError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
