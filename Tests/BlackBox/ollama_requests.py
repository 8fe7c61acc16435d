"""Requests in Ollama's form, without Ollama's client, so that tests see what is sent."""

from server import MODEL

ASK = [{"role": "user", "content": "Say hello."}]
FEW = {"num_predict": 12, "temperature": 0}
DURATIONS = {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}
COUNTS = {"prompt_eval_count", "eval_count"}


def status(server, name: str) -> dict | None:
    models = server.request("GET", "/v1/engine").json["data"]
    return next((model for model in models if model["model"] == name), None)


def chat(server, messages=ASK, **fields):
    body = {"model": MODEL, "messages": messages, "stream": False, "options": FEW, **fields}
    return server.request("POST", "/api/chat", body)


def generate(server, prompt="Once upon", **fields):
    return server.request("POST", "/api/generate", {"model": MODEL, "prompt": prompt, "stream": False, "options": FEW, **fields})


def message(answer) -> dict:
    assert answer.status == 200, answer.body
    return answer.json["message"]


def assert_error(answer, status: int, text: str):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json) == ["error"] and text in answer.json["error"], answer.json


def names(client) -> set:
    return {model.model for model in client.list().models}


def show(server, **body) -> dict:
    answer = server.request("POST", "/api/show", body)
    assert answer.status == 200, answer.body
    return answer.json
