"""Schemas that cost much: a server with a loaded model answers or refuses them quickly, in little memory, and keeps running."""

import time

import pytest

from server import Server


@pytest.fixture(scope="module")
def loaded(home):
    with Server(home) as server:
        assert server.chat("Hello!").status == 200
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


@pytest.mark.parametrize("schema", [
    {"type": "string", "minLength": 10**9},
    {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "string", "minLength": 1000}, "minItems": 1000}, "minItems": 1000}, "minItems": 1000},
    {"enum": [f"value {number}" for number in range(20000)]},
    {"enum": [f"value {number}" for number in range(1000)]},
    {"type": "string", "pattern": "^((((a{1,500}){1,500}){1,500}){1,500})$"},
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}]},
    {"type": "object", "properties": {f"key{number}": {"type": "string"} for number in range(2000)}},
    {"type": "object", "properties": {f"key{number}": {"type": "string"} for number in range(200)}},
    {"type": "object", "properties": {f"key{number}": {"type": "string"} for number in range(1000)}, "required": [f"key{number}" for number in range(1000)]},
], ids=["length", "items", "enum", "values", "pattern", "self", "all", "properties", "optional", "required"])
@pytest.mark.alone
@pytest.mark.proc
def test_hostile_schemas_do_no_harm(loaded, schema):
    """The server answers or refuses the request quickly, and keeps running."""
    response_format = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    begin = time.monotonic()
    answer = loaded.chat("Hello!", response_format=response_format, max_tokens=4)
    assert answer.status in (200, 400), answer.body
    assert time.monotonic() - begin < 10
    assert loaded.chat("Hello!").status == 200
    assert resident_bytes(loaded.process.pid) < 1_500_000_000


def resident_bytes(pid: int) -> int:
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")
