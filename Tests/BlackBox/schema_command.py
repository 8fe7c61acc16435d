"""The command `shimmy schema`, which says which documents the grammar of a schema accepts."""

import json
import os
import subprocess
from pathlib import Path

BINARY = os.environ["SHIMMY_BINARY"]


def ask(schema, documents: list, tmp_path: Path, *flags: str) -> tuple[list[bool], list[str]]:
    """Returns which documents the grammar accepts, and which keywords it does not enforce; no documents and one reason for a refused schema."""
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents))
    run = subprocess.run([BINARY, "schema", "--documents", str(path), *flags], input=json.dumps(schema), capture_output=True, text=True, timeout=60)
    if run.returncode == 1:
        assert run.stderr.startswith("Error: The schema cannot be enforced: "), run.stderr
        return [], [run.stderr.split("enforced: ", 1)[1].strip()]
    assert run.returncode == 0, run.stderr
    notes = [line.split("Not enforced: ", 1)[1] for line in run.stderr.splitlines()]
    return [line == "fits" for line in run.stdout.splitlines()], notes
