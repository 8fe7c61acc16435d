"""Makes the Debian package of a program that scripts/dist.py built.

    deb.py PROGRAM FOLDER      writes shimmy_VERSION_ARCHITECTURE.deb

The package has the program, its man pages, completions for shells, a system service and the account that the service runs as.
"""

import gzip
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

import dist
import man_pages
from version import REPOSITORY, version

PACKAGING = REPOSITORY / "packaging/debian"
# Debian's own variables for the maintainer of a package.
MAINTAINER = f"{os.environ.get('DEBFULLNAME', 'The Shimmy authors')} <{os.environ.get('DEBEMAIL', 'maintainers@shimmy.invalid')}>"
SCRIPTS = ["postinst", "prerm", "postrm"]

CONTROL = """\
Package: shimmy
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: libc6 (>= 2.31), passwd
Recommends: ca-certificates
Suggests: libzstd1
Section: net
Priority: optional
Description: local LLM server with an OpenAI-compatible API
 Shimmy finds the GGUF models on the disk, runs them in its own process
 through llama.cpp, and serves them over HTTP with the APIs of OpenAI,
 Anthropic, Ollama, llama-server and LM Studio.
 .
 The service is not started by the installation; see shimmy-serve(1).
"""


def architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=dist.commit_time())


def changelog() -> str:
    """Returns Debian's changelog; the project's own has the changes."""
    date = formatdate(dist.commit_time())
    return f"shimmy ({version()}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {MAINTAINER}  {date}\n"


def files(program: Path) -> dict[str, tuple[bytes, int]]:
    """Returns the files of the package by their path: their bytes and permissions."""
    documents = "usr/share/doc/shimmy"
    result = {
        "usr/bin/shimmy": (program.read_bytes(), 0o755),
        "usr/lib/systemd/system/shimmy.service": ((PACKAGING / "shimmy.service").read_bytes(), 0o644),
        f"{documents}/copyright": (copyright(), 0o644),
        f"{documents}/changelog.gz": (compressed(changelog().encode()), 0o644),
        f"{documents}/CHANGELOG.md.gz": (compressed((REPOSITORY / "CHANGELOG.md").read_bytes()), 0o644),
    }
    for page, text in man_pages.pages(program).items():
        result[f"usr/share/man/man1/{page}.gz"] = (compressed(text.encode()), 0o644)
    for path, text in dist.completions(program).items():
        # Debian's zsh looks for the functions of packages here.
        result["usr/share/" + path.replace("zsh/site-functions", "zsh/vendor-completions")] = (text, 0o644)
    return result


def copyright() -> bytes:
    """Returns the licences in Debian's machine-readable form."""
    def indented(text: str) -> str:
        return "".join(f" {line}\n" if line.strip() else " .\n" for line in text.splitlines())

    licence = (REPOSITORY / "LICENSE").read_text()
    holder = next((line.strip() for line in licence.splitlines() if line.startswith("Copyright")), "Copyright the authors of Shimmy")
    notices = (REPOSITORY / "THIRD_PARTY_NOTICES.md").read_text()
    text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Shimmy\n"
    text += f"Comment:\n{indented(notices)}\nFiles: *\nCopyright: {holder.removeprefix('Copyright').strip()}\nLicense: Expat\n{indented(licence)}"
    return text.encode()


def build(program: Path, folder: Path, level: int = 6) -> Path:
    """Writes the package. Returns its path.

    - level: the effort of compression, from 0 to 9.
    """
    content = files(program)
    package = folder / f"shimmy_{version()}_{architecture()}.deb"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        for path, (data, permissions) in content.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(permissions)
        size = sum((len(data) + 1023) // 1024 for data, _ in content.values())
        control = root / "DEBIAN"
        control.mkdir()
        fields = {"version": version(), "architecture": architecture(), "maintainer": MAINTAINER, "size": size}
        (control / "control").write_text(CONTROL.format(**fields))
        for script in SCRIPTS:
            shutil.copy(PACKAGING / script, control / script)
            (control / script).chmod(0o755)
        for path in root.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        root.chmod(0o755)
        # xz, because dpkg of Debian 11 cannot read zstd.
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{level}", "--build", root, package], check=True, stdout=subprocess.DEVNULL)
    return package


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), Path(sys.argv[2])))
