#!/usr/bin/env python3
"""Runs unit tests with AddressSanitizer and ThreadSanitizer.

    scripts/sanitize.py [address] [thread] [--all] [--filter SUITE]

Each sanitizer has a build folder of its own (.build-address, .build-thread). Without --all the suites run whose code is Swift alone: core, JSON,
grammars, engine, chat, storage, server, hub, models and so on. llama.cpp is not instrumented, and its threads synchronize in ways that
ThreadSanitizer does not see: the suites that load models run with --all and AddressSanitizer only.
"""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# All suites but the one that loads models.
SUITES = sorted(folder.name.removesuffix("Tests") for folder in (ROOT / "Tests").glob("Shimmy*Tests") if folder.name != "ShimmyLlamaTests")
OPTIONS = {
    # Swift and Foundation keep some memory allocated until the process exits.
    "address": {"ASAN_OPTIONS": "detect_leaks=0"},
    "thread": {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sanitizers", nargs="*", choices=[*OPTIONS, []])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--filter", action="append")
    options = parser.parse_args()
    failed = []
    for sanitizer in options.sanitizers or OPTIONS:
        suites = options.filter or [f"^{suite}Tests" for suite in SUITES] + (["^ShimmyLlamaTests"] if options.all and sanitizer == "address" else [])
        filters = [word for suite in suites for word in ("--filter", suite)]
        # The sanitizer reports crashes. Swift's crash report would wait for a debugger.
        environment = dict(os.environ, SWIFT_BACKTRACE="enable=no", **OPTIONS[sanitizer])
        command = ["swift", "test", "--sanitize", sanitizer, "--scratch-path", str(ROOT / f".build-{sanitizer}"), *filters]
        print(" ".join(command), flush=True)
        if subprocess.run(command, cwd=ROOT, env=environment).returncode:
            failed.append(sanitizer)
    sys.exit(f"failed with: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
