"""A plugin of pytest: marks the tests that an engine cannot pass as expected failures, each with its reason (differences.py)."""

import os
import re
from pathlib import Path

import pytest

from differences import DIFFERENCES, Difference

BLACK_BOX = Path(__file__).resolve().parent.parent / "BlackBox"
FILES = (BLACK_BOX, Path(__file__).parent)


def named(difference: Difference, item) -> bool:
    """Returns whether a difference names a test. A name without parameters is that of the test with all parameters."""
    name = f"{item.path.name}::{item.name}"
    return any(name == test or name.startswith(test + "[") for test in difference.tests)


def unknown(difference: Difference) -> list:
    """Returns the names in a difference for which there is no test."""
    missing = []
    for test in difference.tests:
        file, name = re.match(r"([^:]+)::(\w+)", test).groups()
        texts = [(folder / file).read_text() for folder in FILES if (folder / file).exists()]
        if not any(f"def {name}(" in text for text in texts):
            missing.append(test)
    return missing


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    engine = os.environ["SHIMMY_TEST_ENGINE"]
    if missing := [test for difference in DIFFERENCES for test in unknown(difference)]:
        raise pytest.UsageError(f"differences.py names tests that do not exist: {', '.join(missing)}")
    for item in items:
        for difference in DIFFERENCES:
            if engine in difference.engines and named(difference, item):
                item.add_marker(pytest.mark.xfail(reason=difference.reason, strict=difference.always, run=difference.runs))
