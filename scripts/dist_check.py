"""Proves that the distributed program runs on other machines.

    dist_check.py ARCHIVE [--roots FOLDER] [--skip-processors] [--skip-roots] [--speed PROGRAM]

- Processors: runs the program in QEMU's user mode on the models of processors that distinguish the variants, and lets each generate the same tokens.
- Roots: unpacks Debian 11 (glibc 2.31), 12 and 13 and, if the archive can be reached, Ubuntu 24.04 with debootstrap, with nothing installed but
  the base system. Generates tokens with the program of the archive; installs an older version of the package beside the archive, upgrades it, and
  removes and purges it. The configuration and data survive all but the purge. The older version is the same package with a lower number. Needs root.
- Speed: generates with the program and with another one in turn, five times each, and reports the ratio of the medians.

Needs debootstrap and qemu-user. Prints one line for each check and exits with 1 if one failed.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from paths import cache_directory, model_directory
from pins import DEFAULT_MODEL

# QEMU's names of processors, with a feature of the variant of ggml's CPU backend that fits most of them. QEMU emulates no AVX-512: on models
# that have it, it leaves those features out.
PROCESSORS = ["Nehalem", "Haswell", "Skylake-Server", "max"]
FEATURE, WITHOUT_FEATURE = "AVX2 = 1", {"Nehalem"}

# The archive of Debian has the releases whose support ended.
DEBIAN = ["http://deb.debian.org/debian", "http://archive.debian.org/debian"]
RELEASES = {
    "debian-11": ("bullseye", DEBIAN), "debian-12": ("bookworm", DEBIAN), "debian-13": ("trixie", DEBIAN),
    "ubuntu-24.04": ("noble", ["http://archive.ubuntu.com/ubuntu"]),
}

# A version below all versions, and a file that only the package with that version has.
OLDER, DROPPED = "0.0.1", "usr/share/doc/shimmy/older"
# The directories of the service, and files in them that an upgrade and a removal keep.
PLACES = ["etc/shimmy", "var/lib/shimmy", "var/lib/shimmy/models", "var/cache/shimmy"]
KEPT = {"etc/shimmy/shimmy.toml": "[server]\nport = 12345\n", "var/lib/shimmy/models/kept.gguf": "a model\n"}

PROMPT = "Write a long story about the sea."
MODEL = DEFAULT_MODEL["model_filename"]
ROUNDS = 5
failures = []


def report(name: str, problem: str | None):
    print(f"{'ok  ' if problem is None else 'FAIL'} {name}{'' if problem is None else ': ' + problem}", flush=True)
    if problem is not None:
        failures.append(name)


def run(*command, **more) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)


def last_line(result: subprocess.CompletedProcess) -> str:
    lines = (result.stderr + result.stdout).strip().splitlines()
    return f"exit code {result.returncode}: {lines[-1] if lines else 'no output'}"


def generation(model: str, tokens: int) -> list[str]:
    return ["generate", "--model", model, "--temperature", "0", "--max-tokens", str(tokens), PROMPT]


# Processors


def check_processors(program: Path, model: Path):
    qemu = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if qemu is None:
        return report("processors", "qemu-x86_64 is missing; install qemu-user")
    for processor in PROCESSORS:
        shown = run(qemu, "-cpu", processor, program, "info", timeout=600)
        if shown.returncode != 0:
            report(f"{processor}: info", last_line(shown))
            continue
        found = FEATURE in shown.stdout
        problem = f"'{FEATURE}' is{'' if found else ' not'} in: {shown.stdout.strip()[:300]}"
        report(f"{processor}: variant", None if found == (processor not in WITHOUT_FEATURE) else problem)
        answer = run(qemu, "-cpu", processor, program, *generation(model, 4), "--threads", "1", timeout=3600)
        report(f"{processor}: four tokens", None if answer.returncode == 0 and answer.stdout.strip() else last_line(answer))


# Roots


class Root:
    """The root of a distribution, with /proc while it is in use."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self):
        subprocess.run(["mount", "-t", "proc", "proc", self.folder / "proc"], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder / "proc"], check=True)

    def run(self, *command) -> subprocess.CompletedProcess:
        return run("chroot", self.folder, "/usr/bin/env", "-i", "HOME=/root", "PATH=/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL=C",
                   "DEBIAN_FRONTEND=noninteractive", *command, timeout=1800)


def make_root(name: str, folder: Path) -> Path | None:
    suite, mirrors = RELEASES[name]
    if (folder / name / "bin/sh").exists():
        return folder / name
    folder.mkdir(parents=True, exist_ok=True)
    # The keys of other distributions may not be here; the checks trust nothing in these roots.
    checked = ["--no-check-gpg"] if name.startswith("ubuntu") else []
    script = f"/usr/share/debootstrap/scripts/{'gutsy' if name.startswith('ubuntu') else 'sid'}"
    for mirror in mirrors:
        shutil.rmtree(folder / name, ignore_errors=True)
        made = run("debootstrap", "--variant=minbase", *checked, suite, folder / name, mirror, script)
        if made.returncode == 0:
            return folder / name
    report(f"{name}: root", last_line(made))
    return None


def check_roots(archive: Path, folder: Path, model: Path):
    if shutil.which("debootstrap") is None:
        return report("roots", "debootstrap is missing")
    for name in RELEASES:
        root = make_root(name, folder)
        if root is None:
            continue
        shutil.rmtree(root / "srv", ignore_errors=True)
        (root / "srv").mkdir()
        with tarfile.open(archive) as tar:
            tar.extractall(root / "srv", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        shutil.copy(model, root / "srv" / MODEL)
        program = f"/srv/{archive.name.removesuffix('.tar.gz')}/bin/shimmy"
        with Root(root) as inside:
            answer = inside.run(program, *generation(f"/srv/{MODEL}", 12))
            report(f"{name}: twelve tokens", None if answer.returncode == 0 and answer.stdout.strip() else last_line(answer))
            for package in sorted(archive.parent.glob("shimmy_*.deb")):
                check_package(name, inside, package)


def older(package: Path, folder: Path) -> Path:
    """Repacks a package with a lower version, and with a file that the package does not have. Returns its path."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    fields, replaced = re.subn(r"^Version: .*$", f"Version: {OLDER}", control.read_text(), flags=re.MULTILINE)
    if replaced != 1:
        raise ValueError(f"{package} has {replaced} lines with a version")
    control.write_text(fields)
    (tree / DROPPED).write_text("This file is only in the older version.\n")
    result = folder / "shimmy-older.deb"
    # xz, because dpkg of Debian 11 cannot read zstd.
    build = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", tree, result]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return result


def as_service(*command: str) -> list[str]:
    """Returns a command that runs with the account and the directories of the service."""
    return ["setpriv", "--reuid", "shimmy", "--regid", "shimmy", "--clear-groups", "env", "XDG_CONFIG_HOME=/etc", "XDG_DATA_HOME=/var/lib",
            "XDG_STATE_HOME=/var/lib", "XDG_CACHE_HOME=/var/cache", *command]


def put_data(root: Root) -> subprocess.CompletedProcess:
    """Makes a configuration and data as the service has them: systemd, which makes the directories, does not run in a root."""
    made = root.run("install", "-d", "-o", "shimmy", "-g", "shimmy", *(f"/{place}" for place in PLACES))
    if made.returncode != 0:
        return made
    for path, text in KEPT.items():
        (root.folder / path).write_text(text)
    return root.run(*as_service("shimmy", "key", "create", "kept"))


def lost(root: Root) -> str | None:
    """Returns the first file of `KEPT` that is missing or has another content; None if there is none."""
    for path, text in KEPT.items():
        file = root.folder / path
        if not file.exists() or file.read_text() != text:
            return f"/{path} is {'changed' if file.exists() else 'missing'}"
    return None


def check_package(name: str, root: Root, package: Path):
    """Installs an older version of the package, upgrades it, installs the same version again, removes and purges it."""
    def step(what: str, *command: str) -> str:
        done = root.run(*command)
        report(f"{name}: package, {what}", None if done.returncode == 0 else last_line(done))
        return done.stdout

    def expect(what: str, found: str, expected: str):
        report(f"{name}: package, {what}", None if found == expected else f"{found!r} instead of {expected!r}")

    version = run("dpkg-deb", "--field", package, "Version").stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(older(package, Path(folder)), root.folder / "srv/older.deb")
    shutil.copy(package, root.folder / "srv/newer.deb")
    installed = ["dpkg-query", "--show", "--showformat", "${Version}", "shimmy"]
    keys = as_service("shimmy", "key", "list", "--json")

    # An earlier check may have been interrupted.
    root.run("dpkg", "--purge", "shimmy")
    step("install", "dpkg", "--install", "/srv/older.deb")
    step("account", "id", "shimmy")
    expect("older version", root.run(*installed).stdout, OLDER)
    report(f"{name}: package, file of the older version", None if (root.folder / DROPPED).exists() else "missing")
    made = put_data(root)
    report(f"{name}: package, data", None if made.returncode == 0 else last_line(made))
    before = step("keys", *keys)
    report(f"{name}: package, a key", None if '"kept"' in before else "the new key is not listed")

    for what in ("upgrade", "install again"):
        step(what, "dpkg", "--install", "/srv/newer.deb")
        expect(f"version after {what}", root.run(*installed).stdout, version)
        report(f"{name}: package, files after {what}", lost(root))
        expect(f"keys after {what}", step("keys", *keys), before)
    report(f"{name}: package, file of the older version after upgrade", "still there" if (root.folder / DROPPED).exists() else None)
    step("run", "shimmy", "--version")
    step("configuration", *as_service("shimmy", "config", "check"))

    step("remove", "dpkg", "--remove", "shimmy")
    report(f"{name}: package, program after remove", "still there" if (root.folder / "usr/bin/shimmy").exists() else None)
    missing = lost(root) or (None if (root.folder / "var/lib/shimmy/keys.sqlite").exists() else "/var/lib/shimmy/keys.sqlite is missing")
    report(f"{name}: package, files after remove", missing)
    step("purge", "dpkg", "--purge", "shimmy")
    report(f"{name}: package, account after purge", "still there" if root.run("id", "shimmy").returncode == 0 else None)
    left = root.run("find", "/usr", "/etc", "/var/lib/shimmy", "/var/cache/shimmy", "-name", "*shimmy*").stdout.split()
    report(f"{name}: nothing is left", None if not left else ", ".join(left))


# Speed


def speed(program: Path, model: Path) -> float:
    """Returns a number that is proportional to the speed of a program: a load, a prompt and an answer of the same tokens."""
    started = time.monotonic()
    subprocess.run([program, *generation(str(model), 300)], check=True, capture_output=True)
    return 300 / (time.monotonic() - started)


def check_speed(program: Path, other: Path, model: Path):
    measured = {program: [], other: []}
    for _ in range(ROUNDS):
        for each in measured:
            measured[each].append(speed(each, model))
    ratio = statistics.median(measured[program]) / statistics.median(measured[other])
    report(f"speed: {ratio:.3f} of {other}", None if ratio > 0.95 else "less than 0.95")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--roots", type=Path, default=cache_directory() / "roots")
    parser.add_argument("--model", type=Path, default=model_directory() / MODEL)
    parser.add_argument("--skip-processors", action="store_true")
    parser.add_argument("--skip-roots", action="store_true")
    parser.add_argument("--speed", type=Path, metavar="PROGRAM")
    arguments = parser.parse_args()
    archive = arguments.archive.resolve()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        program = next(Path(folder).glob("*/bin/shimmy"))
        if not arguments.skip_processors:
            check_processors(program, arguments.model)
        if not arguments.skip_roots:
            check_roots(archive, arguments.roots, arguments.model)
        if arguments.speed:
            check_speed(program, arguments.speed.resolve(), arguments.model)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
