"""The OpenAPI document is valid, and the server behaves as it says."""

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from server import MODEL, loaded_server

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# The operations that are not tried, and why.
EXCLUDED = {
    "POST /v1/models/pull": "it downloads a model",
    "POST /api/pull": "it downloads a model",
    "DELETE /api/delete": "it deletes a model",
    "GET /admin/events": "its stream has no end",
}
# Generated requests with a model's name get that of the test model, except where a change of the model would slow down all others.
KEEPS_NAME = ("POST /v1/models/unload", "POST /api/create", "POST /api/copy")
TOKENS = 3


@pytest.fixture(scope="module")
def server(home):
    with loaded_server(home) as server:
        yield server


@pytest.fixture(scope="module")
def document(server):
    answer = server.request("GET", "/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return answer.json


def operations(document) -> list:
    return [(method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_the_document_is_valid(document):
    assert [f"{error.json_path}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)


def test_every_refused_field_is_refused(server, document):
    """A field that the document names as refused is a 400 that names it."""
    schema = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert "audio" in schema["x-refused-fields"]
    server.chat(audio={"voice": "x"}).assert_error(400, "audio", "unsupported_parameter")


def shorten(label: str, body):
    """Makes a generated request short: its answer has few tokens, and the model stays as it is loaded."""
    if not isinstance(body, dict):
        return body
    body = {name: value for name, value in body.items() if name != "keep_alive"}
    if "model" in body and label not in KEEPS_NAME:
        body["model"] = MODEL
    if "/chat/completions" in label or "/completions" in label or "/messages" in label:
        body.pop("max_completion_tokens", None)
        body.update(max_tokens=TOKENS, **({"n": 1, "best_of": 1} if label.endswith("/completions") else {}))
    if label in ("POST /completion", "POST /infill"):
        body = {name: value for name, value in body.items() if name not in ("max_tokens", "n", "n_cmpl")}
        body["n_predict"] = TOKENS
    if label == "POST /api/v1/models/load":
        body = {name: value for name, value in body.items() if name not in ("context_length", "ttl")}
    if label == "POST /v1/responses":
        body.update(max_output_tokens=TOKENS, background=False)
    if label in ("POST /api/chat", "POST /api/generate"):
        options = body.get("options") if isinstance(body.get("options"), dict) else {}
        body["options"] = {**{name: value for name, value in options.items() if name != "num_ctx"}, "num_predict": TOKENS}
    return body


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_the_server_does_what_the_document_says(server, document, mode):
    schema = schemathesis.openapi.from_dict(document)
    tried, failures = set(), {}
    for result in schema.get_all_operations():
        operation = result.ok()
        label = f"{operation.method.upper()} {operation.path}"
        if label in EXCLUDED or "101" in document["paths"][operation.path][operation.method.lower()]["responses"]:
            continue

        @hypothesis.seed(20)
        @hypothesis.settings(
            max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[hypothesis.Phase.generate])
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def try_it(case):
            if mode is GenerationMode.POSITIVE:
                case.body = shorten(label, case.body)
            case.call_and_validate(base_url=server.url, checks=CHECKS, timeout=60)
            tried.add(label)

        try:
            try_it()
        except hypothesis.errors.Unsatisfiable:
            continue  # an operation without parameters has no invalid request
        except (Exception, FailureGroup) as error:
            failures[label] = f"{type(error).__name__}: {error}"
    assert not failures, "\n\n".join(f"{label}\n{error}" for label, error in failures.items())
    assert len(tried) > 20, tried


def test_every_exclusion_is_an_operation(document):
    labels = {f"{method.upper()} {path}" for method, path, _ in operations(document)}
    assert set(EXCLUDED) | set(KEEPS_NAME) <= labels


def test_the_page_and_the_document_need_no_key(start):
    server = start("--api-key", "secret")
    for path in ("/docs", "/docs/style.css", "/docs/script.js", "/openapi.json"):
        assert server.request("GET", path).status == 200
    page = server.request("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert server.request("GET", "/docs", headers={"If-None-Match": page.headers["etag"]}).status == 304
