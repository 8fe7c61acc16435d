"""Runs black-box tests with a Shimmy in front of other engines: the same tests, with the engine's model in place of one on the disk.

    python3 scripts/test_engines.py [--engine NAME]... [ARGUMENTS OF PYTEST]

The engines are another Shimmy, llama-server, llama-cpp-python and vLLM, one after the other. Their packages are installed once into the cache
directory; vLLM's take 3.5 GB. Tests/Engines/README.md says more.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from package_index import FetchError
from paths import cache_directory
from run_blackbox import BLACK_BOX, REPOSITORY, environment, tests

ENGINE_TESTS = REPOSITORY / "Tests" / "Engines"
sys.path.insert(0, str(ENGINE_TESTS))

from engines import CHAT, EMBEDDINGS, ENGINES, EngineError, Machine, Running  # noqa: E402

# The tests of everything that an answer goes through, by the model that they need.
CHAT_FILES = (
    "chat", "streaming", "stop", "sampling", "completions", "tools", "tool_history", "structured", "openai_client", "responses", "response_events",
    "response_state", "conversations", "anthropic", "ollama", "dialects", "prompts",
)
SUITES = {
    CHAT: [ENGINE_TESTS / "test_engine.py", *(BLACK_BOX / f"test_{name}.py" for name in CHAT_FILES)],
    EMBEDDINGS: [BLACK_BOX / "test_embeddings.py"],
}


def run(engine: str, role: str, machine: Machine, arguments: list[str]) -> int:
    """Runs the tests of one role with an engine. Returns pytest's exit code."""
    with Running(engine, role, machine) as running:
        variables = {
            **machine.variables, "SHIMMY_TEST_ENGINE": engine, "SHIMMY_TEST_ENGINE_URL": running.url,
            "SHIMMY_TEST_UPSTREAM": f'\n[upstream.engine]\nurl = "{running.url}"\n{ENGINES[engine].settings}',
        }
        variables["PYTHONPATH"] += f"{os.pathsep}{ENGINE_TESTS}"
        command = tests(BLACK_BOX, ["--noconftest", "-p", "conftest", "-p", "behind_engine", *arguments, *map(str, SUITES[role])])
        return subprocess.run(command, env=variables, cwd=BLACK_BOX).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", action="append", choices=ENGINES, help="an engine to test; all without this option")
    parser.add_argument("--role", action="append", choices=SUITES, help="a suite to run; all without this option")
    options, arguments = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops the engine, too
    variables = environment(BLACK_BOX)
    failed = []
    with tempfile.TemporaryDirectory(prefix="shimmy-engines-") as folder:
        for engine in options.engine or ENGINES:
            for role in options.role or SUITES:
                print(f"{engine}, {role}:", flush=True)
                machine = Machine(variables, Path(folder) / engine, cache_directory() / "engine-models")
                # 5: pytest found no test for its arguments.
                if run(engine, role, machine, arguments) not in (0, 5):
                    failed.append(f"{engine} ({role})")
    if failed:
        print(f"error: tests failed with {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FetchError, EngineError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
