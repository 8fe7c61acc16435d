"""The scripts that make packages: man pages, the Debian package, the archive, the installer, the bill of materials, the formula."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from server import BINARY, REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
import cpu_variants  # noqa: E402
import deb  # noqa: E402
import dist  # noqa: E402
import dist_check  # noqa: E402
import homebrew  # noqa: E402
import man_pages  # noqa: E402
import sbom  # noqa: E402
from package_index import FetchError  # noqa: E402
from version import version  # noqa: E402

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no such program for macOS")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return man_pages.pages(Path(BINARY))


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return deb.build(Path(BINARY), tmp_path_factory.mktemp("package"), level=0)


def listing(*command) -> list[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout.splitlines()


# Man pages


def test_every_command_has_a_page(pages):
    assert {"shimmy.1", "shimmy-serve.1", "shimmy-config-check.1", "shimmy-service-install.1"} <= set(pages)
    assert not [name for name in pages if "help" in name]
    for name, text in pages.items():
        assert text.startswith(f'.TH "{name[:-2].upper().replace("-", chr(92) + "-")}" 1 '), name
        assert text.isascii(), name


def test_pages_have_the_options_and_the_exit_codes(pages):
    serve = pages["shimmy-serve.1"].replace("\\-", "-")
    assert "\\fB--port\\fR \\fIport\\fR" in serve and "[SHIMMY_PORT]" in serve
    assert "\\fB--insecure\\fR" in serve
    main = pages["shimmy.1"].replace("\\-", "-")
    assert '.SH "EXIT STATUS"' in main and ".B 5\nport in use" in main
    assert ".BR shimmy-serve (1)" in main


def test_lines_of_text_are_no_requests_of_roff():
    assert man_pages.text(".hidden and 'quoted'\n'x' \\ -y") == ["\\&.hidden and 'quoted'", "\\&'x' \\e \\-y"]


def test_pages_are_read_without_warnings(pages, tmp_path):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    for name, text in pages.items():
        read = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=text, capture_output=True, text=True)
        assert (read.returncode, read.stderr) == (0, ""), name
        assert read.stdout.startswith(name[:-2].upper() + "(1)")


# The Debian package


@needs_linux
@needs_dpkg
def test_the_package_has_the_program_and_its_surroundings(package, pages):
    entries = {line.split()[5].removeprefix("./"): line.split() for line in listing("dpkg-deb", "--contents", package)}
    for path in ("usr/bin/shimmy", "usr/lib/systemd/system/shimmy.service", "usr/share/doc/shimmy/copyright", "usr/share/doc/shimmy/changelog.gz",
                 "usr/share/bash-completion/completions/shimmy", "usr/share/zsh/vendor-completions/_shimmy",
                 "usr/share/fish/vendor_completions.d/shimmy.fish"):
        assert path in entries
    assert {f"usr/share/man/man1/{name}.gz" for name in pages} <= set(entries)
    assert {entry[1] for entry in entries.values()} == {"root/root"}
    for path, entry in entries.items():
        assert entry[0] == ("drwxr-xr-x" if path.endswith("/") or not path else "-rwxr-xr-x" if path == "usr/bin/shimmy" else "-rw-r--r--"), path


@needs_linux
@needs_dpkg
def test_the_package_names_itself(package):
    fields = dict(line.split(": ", 1) for line in listing("dpkg-deb", "--field", package) if re.match(r"[A-Z][\w-]*: ", line))
    assert (fields["Package"], fields["Version"]) == ("shimmy", version())
    assert package.name == f"shimmy_{version()}_{fields['Architecture']}.deb"
    assert int(fields["Installed-Size"]) > Path(BINARY).stat().st_size // 1024
    assert "libc6 (>= 2.31)" in fields["Depends"]


@needs_linux
@needs_dpkg
def test_the_package_unpacks_into_a_root(package, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    installed = subprocess.run([tmp_path / "usr/bin/shimmy", "--version"], capture_output=True, text=True, check=True)
    assert installed.stdout.startswith(version())
    copyright = (tmp_path / "usr/share/doc/shimmy/copyright").read_text()
    assert "Format: https://www.debian.org/" in copyright and "llama.cpp" in copyright
    assert gzip.decompress((tmp_path / "usr/share/doc/shimmy/changelog.gz").read_bytes()).startswith(f"shimmy ({version()})".encode())
    for script in deb.SCRIPTS:
        assert subprocess.run(["sh", "-n", deb.PACKAGING / script]).returncode == 0
    if shutil.which("systemd-analyze") and sys.platform == "linux":
        unit = (tmp_path / "usr/lib/systemd/system/shimmy.service").read_text().replace("/usr/bin/shimmy", str(tmp_path / "usr/bin/shimmy"))
        (tmp_path / "shimmy.service").write_text(unit.replace("Documentation=man:shimmy(1)\n", ""))
        checked = subprocess.run(["systemd-analyze", "verify", tmp_path / "shimmy.service"], capture_output=True, text=True)
        assert "shimmy.service" not in checked.stderr, checked.stderr


@needs_linux
@needs_dpkg
def test_a_package_is_repacked_with_a_lower_version(package, tmp_path):
    """`make dist-check` upgrades from such a package; that needs root."""
    older = dist_check.older(package, tmp_path)
    assert listing("dpkg-deb", "--field", older, "Version") == [dist_check.OLDER]
    assert subprocess.run(["dpkg", "--compare-versions", dist_check.OLDER, "lt", version()]).returncode == 0
    dropped = f"./{dist_check.DROPPED}"
    assert dropped in "\n".join(listing("dpkg-deb", "--contents", older)) and dropped not in "\n".join(listing("dpkg-deb", "--contents", package))
    described = "\n".join(listing("dpkg-deb", "--info", older))
    assert all(script in described for script in deb.SCRIPTS)


# The archive and the installer


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """A folder with a release whose program is a small script."""
    folder = tmp_path_factory.mktemp("release")
    script = f"#!/bin/sh\necho {version()}\n".encode()
    files = {"bin/shimmy": (script, 0o755), "share/man/man1/shimmy.1": (b".TH\n", 0o644)}
    dist.pack(files, folder / f"{dist.name()}.tar.gz", dist.name())
    dist.write_sums(folder)
    return folder


def install(source: Path, prefix: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["sh", REPOSITORY / "packaging/install.sh", "--from", source, "--prefix", prefix, *arguments], capture_output=True, text=True)


def test_the_same_files_make_the_same_archive(release, tmp_path):
    files = {"b": (b"2", 0o644), "a": (b"1", 0o755)}
    dist.pack(files, tmp_path / "1.tar.gz", "top")
    dist.pack(dict(reversed(files.items())), tmp_path / "2.tar.gz", "top")
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "1.tar.gz") as tar:
        assert [(entry.name, entry.mode, entry.uname) for entry in tar] == [("top/a", 0o755, "root"), ("top/b", 0o644, "root")]


def test_the_installer_installs_and_replaces(release, tmp_path):
    for _ in range(2):
        done = install(release, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Installed {version()} in {tmp_path}." in done.stdout
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == ["shimmy"]
    assert (tmp_path / "share/man/man1/shimmy.1").exists()


def test_the_installer_refuses_other_bytes(release, tmp_path):
    damaged = shutil.copytree(release, tmp_path / "damaged")
    with open(damaged / f"{dist.name()}.tar.gz", "ab") as archive:
        archive.write(b"x")
    done = install(damaged, tmp_path / "prefix")
    assert done.returncode == 1 and "has the checksum" in done.stderr
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize("arguments, words", [
    (["--version", "99.0"], "has no program for"), (["--bogus"], "unknown option --bogus"), (["--version"], "--version needs a value"),
])
def test_the_installer_names_mistakes(release, tmp_path, arguments, words):
    done = install(release, tmp_path, *arguments)
    assert done.returncode == 1 and words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_sums_are_those_of_sha256sum(release):
    for line in (release / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == checksum


@needs_linux
def test_a_program_of_this_machine_alone_is_not_packed():
    with pytest.raises(FetchError, match="needs libraries that machines may not have|is the limit"):
        dist.check(Path(sys.executable) if "libpython" in str(listing("readelf", "-d", Path(sys.executable).resolve())) else Path("/usr/bin/c++"))


# Other documents


def test_the_bill_of_materials_names_what_is_linked():
    document = json.loads(sbom.document())
    parts = {part["name"]: part for part in document["packages"]}
    assert {"shimmy", "llama.cpp", "swift", "hummingbird", "swift-nio"} <= set(parts)
    assert parts["shimmy"]["versionInfo"] == version()
    identities = [part["SPDXID"] for part in document["packages"]]
    assert len(identities) == len(set(identities))
    assert {relation["relatedSpdxElement"] for relation in document["relationships"]} == set(identities)


def test_the_formula_has_the_checksums():
    targets = ("macos-arm64", "linux-x86_64", "linux-arm64")
    sums = "".join(f"{index:064x}  shimmy-{version()}-{target}.tar.gz\n" for index, target in enumerate(targets))
    text = homebrew.formula("https://example.org/shimmy", sums)
    assert "@" not in text.replace("@:", "")
    for index, target in enumerate(targets):
        assert f"shimmy-{version()}-{target}.tar.gz\"\n      sha256 \"{index:064x}\"" in text
    with pytest.raises(KeyError):
        homebrew.formula("https://example.org/shimmy", "")


def test_the_changelog_has_the_version():
    assert f"\n## {version()}" in (REPOSITORY / "CHANGELOG.md").read_text()


# Variants of the CPU backend

BACKEND = """
#include <string>
#include <vector>
extern "C" const char *ggml_backend_cpu_reg(void);
extern "C" int ggml_cpu_has_avx2(void) { return NUMBER; }
std::string text(int number) { return std::to_string(number); }
extern "C" const char *ggml_backend_cpu_reg(void) { static std::string name = text(NUMBER); return name.c_str(); }
"""

CALLER = """
#include <stdio.h>
const char *ggml_backend_cpu_reg(void);
int ggml_cpu_has_avx2(void);
int main(void) { printf("%d %s\\n", ggml_cpu_has_avx2(), ggml_backend_cpu_reg()); return 0; }
"""


@pytest.mark.skipif(sys.platform != "linux" or dist.platform.machine() != "x86_64", reason="the variants are for Linux on x86-64")
@pytest.mark.skipif(shutil.which("objcopy") is None or shutil.which("c++") is None, reason="there is no compiler")
def test_a_library_of_variants_uses_one_of_them(tmp_path):
    archives = {}
    for number, variant in enumerate(("sse42", "haswell")):
        (tmp_path / f"{variant}.cpp").write_text(BACKEND)
        subprocess.run(["c++", "-O2", "-fPIC", f"-DNUMBER={number}", "-c", tmp_path / f"{variant}.cpp", "-o", tmp_path / f"{variant}.o"], check=True)
        archives[variant] = tmp_path / f"{variant}.a"
        subprocess.run(["ar", "rcs", archives[variant], tmp_path / f"{variant}.o"], check=True)
    (tmp_path / "caller.c").write_text(CALLER)
    subprocess.run(["cc", "-c", tmp_path / "caller.c", "-o", tmp_path / "caller.o"], check=True)
    header = tmp_path / "ggml-cpu.h"
    header.write_text("    GGML_BACKEND_API int ggml_cpu_has_avx2 (void);\n")
    merged = cpu_variants.merge(archives, [tmp_path / "caller.o"], [header], tmp_path / "merged")
    subprocess.run(["c++", tmp_path / "caller.o", *merged, "-o", tmp_path / "program"], check=True)
    has_avx2 = " avx2 " in Path("/proc/cpuinfo").read_text()
    assert listing(tmp_path / "program") == ["1 1" if has_avx2 else "0 0"]
    # The functions of the variants are reachable under their original names only through the jump table.
    shared = {name for name, _ in cpu_variants.symbols(merged[0], "--defined-only", "--extern-only")}
    assert shared and all(name.startswith("shimmy_cpu_sse42_") for name in shared)
