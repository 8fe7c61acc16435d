"""Typical use of the official Python client: complete answers, streams, asynchronous calls, typed errors, models."""

import asyncio

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from server import MODEL, Server

MESSAGES = [{"role": "user", "content": "Say hello."}]


def test_whole_answer(client):
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_completion_tokens=8, temperature=0)
    assert answer.choices[0].message.content
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.completion_tokens <= 8
    assert answer._request_id.startswith("req_")


def test_stream(client):
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8, stream=True, stream_options={"include_usage": True})
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-2].choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0


def test_the_stream_helper_accumulates(client):
    question = [{"role": "user", "content": "Is the sky blue? Answer yes or no."}]
    # The helper treats a reached token limit as an error, so the answer must end by itself.
    with client.chat.completions.stream(model=MODEL, messages=question, max_tokens=1000, temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content


def test_a_stream_that_is_left_early(client, server):
    with client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=4000, stream=True) as stream:
        for _, _ in zip(range(3), stream):
            pass
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work")


def test_many_asynchronous_calls(server):
    async def ask(client, number):
        messages = [{"role": "user", "content": f"Say the number {number}."}]
        if number % 2:
            answer = await client.chat.completions.create(model=MODEL, messages=messages, max_tokens=6)
            return answer.choices[0].message.content
        stream = await client.chat.completions.create(model=MODEL, messages=messages, max_tokens=6, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def ask_all():
        async with AsyncOpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=120) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(24)))

    answers = asyncio.run(ask_all())
    assert len(answers) == 24 and all(answers)
    server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "the end of the work")


@pytest.mark.parametrize(
    "fields, kind, param, code",
    [
        ({"model": "no-such-model"}, openai.NotFoundError, None, "model_not_found"),
        ({"temperature": 3}, openai.BadRequestError, "temperature", "decimal_above_max_value"),
        ({"messages": []}, openai.BadRequestError, "messages", "empty_array"),
        ({"modalities": ["audio"]}, openai.BadRequestError, "modalities", "unsupported_parameter"),
    ],
)
def test_errors_arrive_as_the_clients_own_classes(client, fields, kind, param, code):
    with pytest.raises(kind) as failure:
        client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **fields})
    assert (failure.value.param, failure.value.code, failure.value.type) == (param, code, "invalid_request_error")
    assert failure.value.request_id.startswith("req_")


def test_a_wrong_key(home):
    with Server(home, "--api-key", "right") as server:
        with pytest.raises(openai.AuthenticationError) as failure:
            OpenAI(base_url=server.url + "/v1", api_key="wrong", max_retries=0).models.list()
        assert failure.value.code == "invalid_api_key"
        assert OpenAI(base_url=server.url + "/v1", api_key="right").models.list().data[0].id == MODEL


def test_models(client):
    listed = client.models.list().data
    assert [model.id for model in listed] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("user/no-such-model:Q4_K_M")


def test_endpoints_that_do_not_exist_are_a_clean_404(client):
    with pytest.raises(openai.NotFoundError) as failure:
        client.vector_stores.list()
    assert failure.value.code == "unknown_url"
