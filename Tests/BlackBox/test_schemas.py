"""The documents that a schema's grammar accepts, compared with two references: JSON Schema's official test suite, and Python's jsonschema
with generated documents. No model is needed: `shimmy schema` checks the grammar directly."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from schema_command import BINARY, ask

SUITE = Path(os.environ["SHIMMY_SCHEMA_SUITE"])
FILES = sorted(
    str(path.relative_to(SUITE)) for draft in ("draft2020-12", "draft7", "draft4")
    for folder in ("", "optional/", "optional/format/") for path in SUITE.glob(f"{draft}/{folder}*.json"))

# Valid documents that the grammar does not generate, all by design. Texts are canonical: integers without a fraction, keys in the schema's
# order. An object with listed properties has no others unless the schema allows them explicitly. Formats omit unusual values.
# The schemas contain numbers with thousands of digits.
sys.set_int_max_str_digits(0)

NARROWER = {
    "additionalProperties.json": {"additional properties are allowed"},
    "allOf.json": {"allOf", "valid"},
    "anyOf.json": {"both anyOf valid (complex)"},
    "const.json": {"same object with different property order is valid", "float zero is valid", "float one is valid", "integer -2 is valid", "float is valid"},
    "enum.json": {"float zero is valid", "[0.0] is valid", "float one is valid", "[1.0] is valid"},
    "properties.json": {"doesn't invalidate other properties"},
    "type.json": {"a float with zero fractional part is an integer"},
    # Keys are in the schema's order, and properties that a condition evaluates are not always tracked.
    "dependentRequired.json": {"quoted quotes", "with dependencies", "with dependency"},
    "dependencies.json": {"with dependencies", "with dependency"},
    "dynamicRef.json": {"/then/$defs/thingy is the final stop for the $dynamicRef", "instance with correct field"},
    "oneOf.json": {"second oneOf valid"},
    "unevaluatedItems.json": {"valid in case if is evaluated", "with no unevaluated items"},
    "unevaluatedProperties.json": {
        "all + foo is valid", "all is valid", "valid in case if is evaluated", "when two match and has no unevaluated properties",
        "with nested unevaluated properties", "with no unevaluated properties",
    },
    "vocabulary.json": {"no validation: invalid number, but it still validates"},
    "bignum.json": {"a bignum is an integer", "a negative bignum is an integer", "a bignum is a number", "a negative bignum is a number"},
    "dependencies-compatibility.json": {"quoted quotes", "with dependencies", "with dependency"},
    # Property names that match a pattern with \p{…}, which is reported.
    "ecmascript-regex.json": {
        "ascii character in json string", "ascii digits", "literal unicode character in json string",
        "non-ascii digits (BENGALI DIGIT FOUR, BENGALI DIGIT TWO)", "unicode character in hex format in string",
    },
    "float-overflow.json": {"valid if optional overflow handling is implemented"},
    # Draft 7 ignores keywords next to $ref.
    "ref.json": {"ref valid, maxItems ignored", "$ref resolves to /definitions/base_foo, data validates"},
}
# Before draft 2019-09 an $id next to a $ref has no effect; Shimmy applies it in every draft.
WIDER = {
    "$ref resolves to /definitions/base_foo, data does not validate",
    # The encoding of a text is an annotation; draft 7 leaves it to the implementation.
    "an invalid JSON document", "an invalid base64 string (% is not a valid character)", "a validly-encoded invalid JSON document",
    "an invalid base64 string that is valid JSON",
}
# Shimmy enforces formats, which are only annotations by default in draft 2020-12.
ANNOTATED = "is only an annotation by default"
FORMATS_NARROWER = ("leap second", "quoted string", "address-literal", "ipv4 section", "double colons between", "leading double colons", "long valid ipv6",
                    "IRI", "special characters", "protocol-relative", "a valid URL ", "after the @", "idn", "Hangul", "valid")


@pytest.mark.parametrize("file", FILES)
def test_the_official_suite(file, tmp_path):
    """Accepted documents are valid, unless a keyword is reported. Valid documents are accepted, except for the cases listed above."""
    is_format = "optional/format/" in file
    for group in json.loads((SUITE / file).read_text()):
        tests = group["tests"]
        fits, notes = ask(group["schema"], [test["data"] for test in tests], tmp_path)
        if not fits:
            [reason] = notes
            assert "no value fits" in reason or names_a_place(reason, group["schema"]), reason
            assert "no value fits" not in reason or not any(test["valid"] for test in tests), group["description"]
            continue
        assert all(names_a_place(note, group["schema"]) for note in notes), notes
        for test, taken in zip(tests, fits, strict=True):
            where = f"{group['description']}: {test['description']}: {json.dumps(test['data'])}"
            if taken:
                assert test["valid"] or notes or test["description"] in WIDER, where
            elif test["valid"]:
                known = test["description"] in NARROWER.get(Path(file).name, set()) or ANNOTATED in test["description"]
                assert known or is_format and any(part in test["description"] for part in FORMATS_NARROWER), where


def names_a_place(reason: str, schema) -> bool:
    """Returns whether the JSON pointer of a reason exists in the schema."""
    value = schema
    if not reason.startswith("at '"):
        return True
    for step in reason.split("'")[1].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return True


# MARK: Generated documents

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
    {"type": "array", "contains": {"type": "string"}, "maxItems": 3}, {"type": "array", "contains": {"const": 1}, "minItems": 2},
    {"type": "array", "allOf": [{"contains": {"const": 1}}, {"contains": {"type": "string"}}]}, {"not": {"items": {"type": "integer"}}},
    {"oneOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "string"}}, {"type": "array", "minItems": 5}]},
    {"type": "array", "not": {"contains": {"type": "integer"}}}, {"type": "array", "prefixItems": [True], "allOf": [{"prefixItems": [True, {"const": 2}]}], "unevaluatedItems": False},
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
    {"properties": {"a": True}, "allOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}], "unevaluatedProperties": False},
    {"properties": {"a": True}, "allOf": [{"patternProperties": {"^[bc]$": {"type": "integer"}}}], "unevaluatedProperties": {"type": "string"}},
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
    fits, notes = ask(schema, documents, tmp_path)
    # A model may write a key twice, which parsed documents cannot contain.
    assert all(note.startswith("at '/minProperties': keys that the schema does not name") for note in notes), notes
    known = list(schema.get("properties", {}))
    required = schema.get("required", [])
    for document, taken in zip(documents, fits, strict=True):
        order = [name for name in document if name in known or name in required] + [name for name in document if name not in known and name not in required]
        valid = reference.is_valid(document)
        # Documents in another order than the schema's are not accepted.
        assert taken == valid or valid and list(document) != order and not taken, document
    assert any(fits) and not all(fits)


REPORTED = [
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "/uniqueItems"), ({"type": "string", "pattern": "(?=a)b"}, "/pattern"),
    ({"$ref": "https://example.org/x"}, "/$ref"), ({"$ref": "#/nowhere"}, "/$ref"), ({"type": "object", "minProperties": 2}, "/minProperties"),
    ({"type": "array", "contains": {"const": 1}, "minContains": 2}, "/minContains"),
    ({"type": "object", "properties": {"a/b": {"not": {"format": "date"}}}}, "/properties/a~1b/not"),
]


@pytest.mark.parametrize("schema, place", REPORTED)
def test_keywords_that_cannot_be_enforced_are_reported(schema, place, tmp_path):
    _, notes = ask(schema, [1], tmp_path)
    assert notes and notes[0].startswith(f"at '{place}'"), notes
    fits, reasons = ask(schema, [1], tmp_path, "--strict")
    assert not fits and reasons[0].startswith(f"at '{place}'"), reasons


@pytest.mark.parametrize("schema, place", [
    ({"type": "strin"}, "/type"), ({"type": "object", "properties": []}, "/properties"),
    ({"type": "string", "minLength": -1}, "/minLength"), ({"anyOf": []}, "/anyOf"), ({"multipleOf": 0, "type": "integer"}, "/multipleOf"),
    ({"type": "integer", "minimum": 10**5000}, "/minimum"), ({"type": "string", "pattern": "[a-"}, "/pattern"),
    ({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a"}}}, "/properties/a/pattern"),
    ({"type": "string", "pattern": "(?"}, "/pattern"), ({"type": "string", "pattern": "(?<"}, "/pattern"), ({"type": "string", "pattern": "(?=a"}, "/pattern"),
    ({"type": "string", "pattern": "a" * 100_000}, "/pattern"), ({"patternProperties": {"a" * 100_000: True}}, "/patternProperties"),
])
def test_malformed_schemas_are_refused(schema, place, tmp_path):
    fits, reasons = ask(schema, [1], tmp_path)
    assert not fits and reasons[0].startswith(f"at '{place}'"), reasons


def test_everything_else_of_a_schema_is_enforced(tmp_path):
    schema = {"type": "array", "items": {"type": "integer", "not": {"const": 3}}, "uniqueItems": True}
    fits, notes = ask(schema, [[1, 1], [3], ["a"]], tmp_path)
    assert fits == [True, False, False] and len(notes) == 1 and "/uniqueItems" in notes[0]


# MARK: Documents generated from schemas


def in_order(document, schema, root):
    """Returns the document with its keys in the schema's order, as in answers."""
    for _ in range(20):
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(document, list):
        prefix = schema.get("prefixItems", [])
        return [in_order(item, prefix[index] if index < len(prefix) else schema.get("items", {}), root) for index, item in enumerate(document)]
    if not isinstance(document, dict):
        return document
    properties = schema.get("properties", {})
    names = [*properties, *(name for name in schema.get("required", []) if name not in properties)]
    order = [name for name in names if name in document] + [name for name in document if name not in names]
    return {name: in_order(document[name], properties.get(name, schema.get("additionalProperties", {})), root) for name in order}


def is_written_so(document) -> bool:
    """Returns whether numbers have the form of answers: no exponent, and at most 20 digits on each side of the point."""
    if isinstance(document, float):
        return "e" not in repr(document) and not document.is_integer()
    if isinstance(document, int):
        return abs(document) < 10**20
    if isinstance(document, list):
        return all(map(is_written_so, document))
    if isinstance(document, dict):
        return all(map(is_written_so, document.values()))
    # Half of a surrogate pair is not a character.
    return not isinstance(document, str) or document.isascii() or not any("\ud800" <= character <= "\udfff" for character in document)


def schemas(depth: int = 3) -> st.SearchStrategy:
    names = st.sampled_from(["a", "b", "kind", "a b", "é", "x-1"])
    count = st.integers(0, 4)
    text = st.fixed_dictionaries({"type": st.just("string")}, optional={
        "minLength": count, "maxLength": st.integers(3, 9), "pattern": st.sampled_from(["^[a-z]*$", "^a", "b$", "[0-9]{2}", "^(a|bc)+$"])})
    number = st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional={
        "minimum": st.integers(-50, 5), "maximum": st.integers(6, 900), "multipleOf": st.sampled_from([1, 2, 5])})
    leaf = st.one_of(
        text, number, st.just({"type": ["boolean", "null"]}), st.just({}),
        st.lists(st.one_of(st.integers(-9, 9), st.text("abc", max_size=3), st.none()), min_size=1, max_size=4).map(lambda values: {"enum": values}))
    if depth == 0:
        return leaf
    inner = st.deferred(lambda: schemas(depth - 1))
    array = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)})
    record = st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=4)}, optional={
        "required": st.lists(names, unique=True, max_size=2), "additionalProperties": st.one_of(st.booleans(), inner),
        "patternProperties": st.dictionaries(st.sampled_from(["^x-", "b$", "^[ab]"]), inner, max_size=2), "maxProperties": st.integers(2, 5)})
    union = st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
    return st.one_of(leaf, array, record, union)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_made_up_schemas_and_documents(tmp_path_factory, data):
    """Documents generated from a schema are accepted; documents that Python's jsonschema refuses are not, unless a keyword is reported."""
    schema = data.draw(schemas())
    reference = jsonschema.Draft202012Validator(schema)
    try:
        strategy = from_schema(schema)
        valid = [data.draw(strategy) for _ in range(3)]
    except Exception:  # no value is valid, or the library cannot find one
        reject()
    others = [data.draw(from_schema({})) for _ in range(2)] + [mutated(document, data) for document in valid]
    documents = [in_order(document, schema, schema) for document in valid + others if is_written_so(document)]
    assume(documents)
    fits, notes = ask(schema, documents, tmp_path_factory.mktemp("made"))
    assert fits, (schema, notes)
    for document, taken in zip(documents, fits, strict=True):
        if reference.is_valid(document):
            # The keys of alternatives may be in another order than those of the document.
            assert taken or "anyOf" in json.dumps(schema), (schema, document)
        else:
            assert not taken or notes, (schema, document)


def mutated(document, data):
    """Returns the document with one value replaced."""
    if isinstance(document, list) and document and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(document) - 1))
        return [*document[:index], mutated(document[index], data), *document[index + 1:]]
    if isinstance(document, dict) and document and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(document)))
        return {**document, name: mutated(document[name], data)}
    return data.draw(st.sampled_from([None, True, 0, -1, 1.5, "", "zz", [], [[]], {}, {"zz": 0}]))


# MARK: Hostile schemas


def deep(depth: int) -> dict:
    schema: dict = {"type": "integer"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return schema


HOSTILE = [
    deep(60), {"enum": list(range(5000))}, {"type": "string", "pattern": "(a{1,900}){1,900}"}, {"type": "string", "pattern": "(" * 60 + "a" + ")" * 60},
    {"type": "string", "pattern": ".*a.{300}", "minLength": 3}, {"allOf": [{"anyOf": [{"minimum": n}, {"maximum": n}]} for n in range(40)]},
    {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(4000)}}, {"type": "string", "maxLength": 10**12},
    {"type": "object", "properties": {f"p{n}": True for n in range(150)}, "minProperties": 70, "maxProperties": 90, "additionalProperties": False},
    {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"type": "number", "multipleOf": 1e-30},
    {"type": "integer", "multipleOf": 99991, "minimum": 5}, {"description": "x" * 10_000_000},
    {"$ref": "#/$defs/E", "$defs": {"E": {"enum": ["a"]}}}, {"allOf": [{"enum": [1, 2], "type": "integer"}]}, {"type": "integer", "minimum": 10**50_000},
    {"type": "array", "prefixItems": [{"const": n} for n in range(2000)], "minItems": 2000}, {"minLength": 1e30}, {"maxItems": 2**63, "type": "array"},
    {"type": "string", "format": "email", "maxLength": 255}, {"type": "string", "pattern": "(a|aa)*b", "maxLength": 10**6},
    {"patternProperties": {f"^(a|b)*{n}.{{0,20}}$": {"type": "integer"} for n in range(12)}}, {"not": {"not": {"not": {"enum": [1]}}}},
    {"oneOf": [{"properties": {f"p{n}": {"type": "string"}}} for n in range(30)]}, {"dependentRequired": {f"p{n}": [f"q{n}"] for n in range(40)}},
    {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(1500)} | {"d1500": True}},
]


MANY = [
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": f"k{n}"}, f"p{n}": {"type": "integer"}}, "required": ["kind"]} for n in range(500)]},
    {"oneOf": [{"type": "object", "properties": {f"p{n}": {}}, "required": [f"p{n}"], "additionalProperties": False} for n in range(500)]},
    {"type": "object", "properties": {"kind": {"type": "string"}}, "allOf": [
        {"if": {"properties": {"kind": {"const": f"k{n}"}}, "required": ["kind"]}, "then": {"required": [f"p{n}"]}} for n in range(300)]},
]


@pytest.mark.parametrize("schema", MANY, ids=["discriminated", "tagged", "conditions"])
def test_many_alternatives_are_enforced(schema, tmp_path):
    fits, notes = ask(schema, [{"kind": "k7", "p7": 1}, {"p7": 1}, {"kind": "k7"}, {"kind": "x", "p7": 1}, {}], tmp_path)
    reference = jsonschema.Draft202012Validator(schema)
    assert notes == [] and fits == [reference.is_valid(document) for document in [{"kind": "k7", "p7": 1}, {"p7": 1}, {"kind": "k7"}, {"kind": "x", "p7": 1}, {}]]


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_schemas_cost_little(schema, tmp_path):
    """Schemas are accepted or refused within seconds and bounded memory. `ask` limits the time of the run."""
    path = tmp_path / "documents.jsonl"
    path.write_text('"aaa"\n')
    run = subprocess.run(
        ["bash", "-c", f"ulimit -v 4000000; timeout 20 {BINARY} schema --documents {path}"], input=json.dumps(schema), capture_output=True, text=True)
    assert run.returncode in (0, 1), run.stderr
