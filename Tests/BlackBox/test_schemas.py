"""What documents a schema's grammar takes, beside two references: JSON Schema's official test suite, and Python's jsonschema on documents
that are made up here. No model is needed: `shimmy schema` asks the grammar itself."""

import itertools
import json
import os
import random
import subprocess
from pathlib import Path

import jsonschema
import pytest

BINARY = os.environ["SHIMMY_BINARY"]
SUITE = Path(os.environ["SHIMMY_SCHEMA_SUITE"])
FILES = sorted(
    str(path.relative_to(SUITE)) for draft in ("draft2020-12", "draft7") for path in [*SUITE.glob(f"{draft}/*.json"), *SUITE.glob(f"{draft}/optional/format/*.json")])


def ask(schema, documents: list, tmp_path: Path, *flags: str) -> tuple[list[bool], str]:
    """Which documents fit; or none of them, and why the schema was refused."""
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents))
    run = subprocess.run([BINARY, "schema", "--documents", str(path), *flags], input=json.dumps(schema), capture_output=True, text=True, timeout=60)
    if run.returncode == 1:
        assert run.stderr.startswith("error: The schema cannot be enforced: "), run.stderr
        return [], run.stderr.split("enforced: ", 1)[1].strip()
    assert run.returncode == 0, run.stderr
    return [line == "fits" for line in run.stdout.splitlines()], ""


# Valid documents that no answer is, all by design. Texts are canonical: integers without a fraction, keys in the schema's order. An object
# that lists its properties has no others unless it says so. Formats leave out what nobody writes.
NARROWER = {
    "additionalProperties.json": {"additional properties are allowed"},
    "allOf.json": {"allOf", "valid"},
    "anyOf.json": {"both anyOf valid (complex)"},
    "const.json": {"same object with different property order is valid", "float zero is valid", "float one is valid", "integer -2 is valid", "float is valid"},
    "enum.json": {"float zero is valid", "[0.0] is valid", "float one is valid", "[1.0] is valid"},
    "properties.json": {"doesn't invalidate other properties"},
    "type.json": {"a float with zero fractional part is an integer"},
    "vocabulary.json": {"no validation: invalid number, but it still validates"},
    # Draft 7 ignores what stands beside $ref.
    "ref.json": {"ref valid, maxItems ignored"},
}
# Formats are asserted here, and mere annotations by default in draft 2020-12.
ANNOTATED = "is only an annotation by default"
FORMATS_NARROWER = ("leap second", "quoted string", "address-literal", "ipv4 section", "double colons between", "leading double colons", "long valid ipv6",
                    "IRI", "special characters", "protocol-relative", "a valid URL ", "after the @", "idn", "Hangul", "valid")


@pytest.mark.parametrize("file", FILES)
def test_the_official_suite(file, tmp_path):
    """What is taken is valid, always; what is valid is taken, but for what is listed above. What cannot be enforced is refused by name."""
    is_format = "optional" in file
    for group in json.loads((SUITE / file).read_text()):
        tests = group["tests"]
        fits, refusal = ask(group["schema"], [test["data"] for test in tests], tmp_path)
        if refusal:
            assert refusal.startswith("at '") and names_a_place(refusal, group["schema"]) or "no value fits" in refusal, refusal
            assert "no value fits" not in refusal or not any(test["valid"] for test in tests), group["description"]
            continue
        for test, taken in zip(tests, fits, strict=True):
            where = f"{group['description']}: {test['description']}: {json.dumps(test['data'])}"
            if taken:
                assert test["valid"], where
            elif test["valid"]:
                known = test["description"] in NARROWER.get(Path(file).name, set()) or ANNOTATED in test["description"]
                assert known or is_format and any(part in test["description"] for part in FORMATS_NARROWER), where


def names_a_place(refusal: str, schema) -> bool:
    """Whether the JSON pointer of a refusal leads to something in the schema."""
    value = schema
    for step in refusal.split("'")[1].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return True


# MARK: Documents that are made up

NUMBERS = [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 15, 19, 20, 21, 99, 100, 101, 250, 999, 1000, 1001, -1, -2, -5, -9, -10, -11, -100, 0.5, 0.25, 0.75, 1.5, 2.5,
           2.25, 2.75, 3.14, 9.99, 10.01, 10.5, 99.5, -0.5, -1.5, -2.25, -9.99, -10.01, 0.1, 0.05, 0.15, 0.001, 123456789]
STRINGS = ["", "a", "ab", "abc", "abcd", "abcde", "ABC", "123", "a1", "é", "日本", "😀", "a b", "a\nb", "\"", "\\", "foo", "foobar", "barfoo", "2024-02-29",
           "2023-02-29", "2024-13-01", "12:30:00Z", "25:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00", "a@b.co", "a@b", "@", "127.0.0.1", "256.0.0.1",
           "::1", "fe80::1", ":::", "123e4567-e89b-12d3-a456-426614174000", "123e4567", "x" * 10, "x" * 11, "red", "blue", "example.org", "-x.org",
           "http://a.b/c?d#e", "no uri"]
SCALARS = [None, True, False, *NUMBERS, *STRINGS]
LISTS = [list(items) for size in range(4) for items in itertools.product([1, 2, "a", True], repeat=size)] + [[1] * 5, [1, 2, 3, 4, 5, 6], [[1], [2]], [None]]

KEYWORDS = [
    *[{"type": kind} for kind in ("null", "boolean", "integer", "number", "string", "array", "object")], {"type": ["string", "null"]}, {}, True,
    {"enum": [1, "a", None, [1], {"a": 1}]}, {"const": "abc"}, {"enum": ["red", "blue", 3], "type": "string"}, {"enum": list(range(300)), "minimum": 5},
    {"type": "integer", "minimum": 3}, {"type": "integer", "maximum": -2}, {"type": "integer", "minimum": -10, "maximum": 101},
    {"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 100}, {"type": "integer", "minimum": 2.5, "maximum": 10.5},
    {"type": "number", "minimum": 0.25}, {"type": "number", "maximum": 9.99}, {"type": "number", "exclusiveMinimum": -1.5, "exclusiveMaximum": 2.5},
    {"type": "number", "minimum": -9.99, "maximum": -0.5}, {"type": "number", "minimum": 2.25, "maximum": 2.75}, {"minimum": 10},
    {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0, "exclusiveMaximum": 1}, {"type": "number", "exclusiveMaximum": -9.99},
    {"type": "integer", "multipleOf": 5}, {"type": "number", "multipleOf": 0.25}, {"type": "integer", "multipleOf": 3, "minimum": 4, "maximum": 100},
    {"type": "string", "minLength": 2}, {"type": "string", "maxLength": 3}, {"type": "string", "minLength": 1, "maxLength": 10}, {"minLength": 3},
    {"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "oo"}, {"type": "string", "pattern": "^a|b$"},
    {"type": "string", "pattern": "^[^a]*$", "maxLength": 5}, {"type": "string", "pattern": "o", "minLength": 4}, {"type": "string", "pattern": "^\\S+$"},
    *[{"type": "string", "format": name} for name in ("date", "ipv4", "ipv6", "uuid")],
    {"type": "array", "items": {"type": "integer"}}, {"type": "array", "minItems": 2}, {"type": "array", "maxItems": 1}, {"minItems": 1, "maxItems": 2},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, {"type": "array", "prefixItems": [{"const": 1}], "items": False},
    {"type": "array", "prefixItems": [{"const": 1}], "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
    {"type": "array", "items": {"enum": [1, 2, "a"]}, "uniqueItems": True}, {"type": "array", "items": {"enum": [1, 2, "a"]}, "uniqueItems": True, "minItems": 2},
    {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "string", "maxLength": 2}]}, {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"oneOf": [{"type": "number", "maximum": 3}, {"type": "number", "minimum": 10}]}, {"allOf": [{"minimum": 2}, {"maximum": 20}, {"type": "integer"}]},
    {"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b", "maxLength": 4}]}, {"anyOf": [{"minimum": 5}], "allOf": [{"maximum": 10}], "type": "integer"},
    {"$ref": "#/$defs/small", "$defs": {"small": {"type": "integer", "maximum": 3}}}, {"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "null"}}},
    {"type": "array", "items": {"$ref": "#"}}, {"type": "integer", "format": "int8"},
]


@pytest.mark.parametrize("schema", KEYWORDS, ids=lambda schema: json.dumps(schema)[:60])
def test_keywords(schema, tmp_path):
    documents = SCALARS + LISTS + [{}, {"a": 1}, {"a": {"b": []}}, [[]], [[[]], []]]
    reference = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date", "ipv4", "ipv6", "uuid"]))
    fits, refusal = ask(schema, documents, tmp_path)
    assert not refusal
    for document, taken in zip(documents, fits, strict=True):
        valid = reference.is_valid(document)
        if isinstance(schema, dict) and schema.get("format") == "int8" and isinstance(document, (int, float)):
            valid = valid and -128 <= document <= 127
        assert taken == valid, document


OBJECTS = [
    {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
    {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "additionalProperties": True},
    {"properties": {"a": True, "b": True, "c": True, "d": True}, "required": ["b", "d"], "additionalProperties": {"type": "integer"}},
    {"properties": {"a": {"type": "integer"}}, "required": ["a", "c"], "additionalProperties": {"type": "string"}},
    {"additionalProperties": {"type": "integer"}}, {"additionalProperties": False}, {"additionalProperties": False, "properties": {}},
    {"patternProperties": {"^[ab]$": {"type": "integer"}}, "additionalProperties": False},
    {"patternProperties": {"^[ab]$": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
    {"properties": {"a": {"minimum": 1}}, "patternProperties": {"^a$": {"type": "integer"}, "^[cd]": {"type": "string"}}, "additionalProperties": False},
    {"minProperties": 2, "additionalProperties": True}, {"maxProperties": 1}, {"minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
    {"properties": {"a": True, "b": True, "c": True}, "minProperties": 2, "maxProperties": 2, "additionalProperties": False},
    {"properties": {"a": True}, "minProperties": 2, "maxProperties": 3, "additionalProperties": True},
    {"propertyNames": {"pattern": "^[a-c]$"}}, {"propertyNames": {"enum": ["a", "d"]}, "additionalProperties": {"type": "integer"}},
    {"propertyNames": {"minLength": 2}, "properties": {"a": True, "ee": True}, "additionalProperties": True},
    {"properties": {"a": {"$ref": "#"}, "b": {"type": "integer"}}, "additionalProperties": False},
    {"allOf": [{"properties": {"a": {"minimum": 1}}, "additionalProperties": True}, {"properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": True}]},
    {"anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False},
               {"properties": {"a": {"const": "x"}, "b": {"type": "integer"}}, "required": ["a", "b"], "additionalProperties": False}]},
    {"oneOf": [{"properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": False},
               {"properties": {"a": {"const": "x"}, "b": {"type": "integer"}}, "required": ["a", "b"], "additionalProperties": False}]},
]


@pytest.mark.parametrize("schema", OBJECTS, ids=lambda schema: json.dumps(schema)[:70])
def test_objects(schema, tmp_path):
    generator = random.Random(json.dumps(schema))
    names = ["a", "b", "c", "d", "ee"]
    documents = [{}]
    for _ in range(600):
        chosen = [name for name in names if generator.random() < 0.4]
        documents.append({name: generator.choice([0, 1, 2, "x", "", None, [], {"b": 1}, {"a": {}}]) for name in chosen})
    schema = {"type": "object", **schema}
    reference = jsonschema.Draft202012Validator(schema)
    fits, refusal = ask(schema, documents, tmp_path)
    assert not refusal
    known = list(schema.get("properties", {}))
    required = schema.get("required", [])
    for document, taken in zip(documents, fits, strict=True):
        order = [name for name in document if name in known or name in required] + [name for name in document if name not in known and name not in required]
        valid = reference.is_valid(document)
        # What comes in another order than the schema's is not written.
        assert taken == valid or valid and list(document) != order and not taken, document
    assert any(fits) and not all(fits)


@pytest.mark.parametrize("schema, place", [
    ({"not": {"type": "string"}}, "/not"), ({"type": "object", "properties": {"a/b": {"if": {"const": 1}, "then": {}}}}, "/properties/a~1b/if"),
    ({"type": "array", "contains": {"const": 1}}, "/contains"), ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "/uniqueItems"),
    ({"type": "string", "pattern": "(?=a)b"}, "/pattern"), ({"type": "string", "format": "klingon"}, "/format"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "/oneOf"), ({"$ref": "#/nowhere"}, "/$ref"), ({"$ref": "https://example.org/x"}, "/$ref"),
    ({"type": "strin"}, "/type"), ({"type": "object", "properties": []}, "/properties"), ({"type": "string", "minLength": -1}, "/minLength"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "/dependentRequired"), ({"anyOf": []}, "/anyOf"), ({"type": "string", "pattern": "[a-z]+ fox", "maxLength": 9000}, "/pattern"),
])
def test_what_cannot_be_enforced_is_named(schema, place, tmp_path):
    fits, refusal = ask(schema, [1], tmp_path)
    assert not fits and refusal.startswith(f"at '{place}'"), refusal


def test_lenient_schemas_say_what_they_pass_over(tmp_path):
    schema = {"type": "array", "items": {"type": "integer", "not": {"const": 3}}, "uniqueItems": True}
    fits, refusal = ask(schema, [[1, 1], [3], ["a"]], tmp_path, "--lenient")
    assert fits == [True, True, False] and not refusal


def deep(depth: int) -> dict:
    schema: dict = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return schema


@pytest.mark.parametrize("schema", [
    deep(60), {"enum": list(range(5000))}, {"type": "string", "pattern": "(a{1,900}){1,900}"}, {"type": "string", "pattern": "(" * 60 + "a" + ")" * 60},
    {"type": "string", "pattern": ".*a.{300}", "minLength": 3}, {"allOf": [{"anyOf": [{"minimum": n}, {"maximum": n}]} for n in range(40)]},
    {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(4000)}}, {"type": "string", "maxLength": 10**12},
    {"type": "object", "properties": {f"p{n}": True for n in range(150)}, "minProperties": 70, "maxProperties": 90, "additionalProperties": False},
    {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"type": "number", "multipleOf": 1e-30},
    {"type": "integer", "multipleOf": 99991, "minimum": 5}, {"description": "x" * 10_000_000},
], ids=range(15))
def test_hostile_schemas_cost_little(schema, tmp_path):
    """Whether taken or refused, within seconds and bounded memory; the time is the run's limit in `ask`."""
    path = tmp_path / "documents.jsonl"
    path.write_text('"aaa"\n')
    run = subprocess.run(
        ["bash", "-c", f"ulimit -v 4000000; timeout 20 {BINARY} schema --documents {path}"], input=json.dumps(schema), capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
