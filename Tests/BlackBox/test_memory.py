"""Many models under one memory budget: their memory use, keep-alive, waiting requests, and the reports to waiting clients."""

import random
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from openai import OpenAI

import tiny_models
from responses import assert_complete, create, parse
from server import BINARY, MODEL, MODEL_FILE, Server, environment, make_home, wait_until
from test_embeddings import FOLDER, NAME

WORDS = [first + second for first in ("sun", "moon", "rain", "snow", "wind", "fire") for second in ("light", "fall", "y", "shine", "s", "ing")]


def resident(server, mapped: bool = True) -> int:
    """Returns the resident memory of the server's process in bytes; without the pages of mapped files if `mapped` is false and the system tells it."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not mapped and status.exists():
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read_text()).group(1)) * 1024
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(server.process.pid)], capture_output=True, text=True, check=True).stdout) * 1024


def memory_of(server, model: str) -> int:
    return server.request("GET", f"/v1/models/{model}").json["shimmy"]["memory_bytes"]


def engine(server) -> dict:
    return server.request("GET", "/v1/engine").json


def status(server, model: str):
    return next((one for one in engine(server)["data"] if one["model"] == model), None)


def text(count: int) -> str:
    """Returns a text of `count` words that differs each time."""
    return " ".join(f"{random.choice(WORDS)}{random.randrange(100)}" for _ in range(count))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A home with models of many kinds: the default model in two quantizations, an embedding model, a reranker, a recurrent model, a vocabulary."""
    home = make_home(tmp_path_factory.mktemp("shelf"))
    models = home / "data/models"
    tiny_models.in_eight_bits(MODEL_FILE, models / "other.gguf")
    (models / NAME).symlink_to(FOLDER)
    tiny_models.reranker(models / "judge.gguf")
    tiny_models.mamba(models / "mamba.gguf", MODEL_FILE)
    tiny_models.TinyModel("llama", tiny_models.vocabulary(MODEL_FILE)).write(models / "words.gguf")
    # Its header is valid, but the tensors that the architecture needs are missing.
    broken = tiny_models.TinyModel("llama", tiny_models.vocabulary(MODEL_FILE), context_length=512, embedding_length=64, block_count=1)
    broken.tensor("token_embd.weight", 64, 100)
    broken.write(models / "broken.gguf")
    return home


def assert_takes_what_is_promised(server):
    """Loads the model and uses all of it. Checks that the estimate is within 10% of the loaded model's numbers and of the process's growth."""
    idle, promised = (resident(server), resident(server, mapped=False)), memory_of(server, MODEL)
    assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
    taken = memory_of(server, MODEL)
    assert abs(promised - taken) < 0.1 * taken
    # Touch all pages of the embedding table.
    for first in (0, 50):
        prompt = list(range(first, 49152, 110))
        assert server.request("POST", "/v1/completions", {"model": MODEL, "prompt": prompt, "max_tokens": 1}).status == 200
    assert server.chat(n=8, temperature=2).status == 200
    # When a page of a file is read, some systems map up to megabytes beside it, of the program's own file too.
    grown, alone = resident(server) - idle[0], resident(server, mapped=False) - idle[1]
    assert 0.9 * grown < promised or 0.9 * alone < promised < 1.3 * alone, f"promised {promised}, grown by {grown}, without files by {alone}"
    assert promised < 1.1 * grown, f"promised {promised}, grown by {grown}"


@pytest.mark.parametrize("context", [512, 8192])
def test_a_model_takes_what_its_file_promises(home, context):
    with Server(home, "--ctx-size", str(context), "--slots", "16") as server:
        assert_takes_what_is_promised(server)


def test_an_embedding_model_takes_what_its_file_promises(shelf):
    with Server(shelf) as server:  # The first server converts the model and leaves the file in the cache.
        assert server.request("POST", "/v1/models/load", {"model": NAME}).status == 200
    with Server(shelf) as server:
        idle, promised = resident(server), memory_of(server, NAME)
        # Texts of the max length.
        inputs = [list(range(first, 30522, 60)) for first in range(4)]
        assert server.request("POST", "/v1/embeddings", {"model": NAME, "input": inputs}).status == 200
        grown = resident(server) - idle
        assert abs(promised - memory_of(server, NAME)) < 0.1 * promised
        assert abs(promised - grown) < 0.1 * grown, f"promised {promised}, grown by {grown}"


def test_requests_say_how_long_a_model_stays(shelf):
    with Server(shelf, "--keep-alive", "10m") as server, OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0) as client:
        def expiry():
            wait_until(lambda: (status(server, MODEL) or {"users": 0})["users"] == 0, "the end of the answer")
            return (status(server, MODEL) or {}).get("expires_at")

        def chat(keep_alive):
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_tokens=1, extra_body={"keep_alive": keep_alive})
            return expiry()

        now = time.time()
        assert server.chat(max_tokens=1).status == 200
        assert abs(expiry() - now - 600) < 60, "the server's own time"
        assert abs(chat("5m") - now - 300) < 60
        assert abs(chat(100) - now - 100) < 60
        assert chat(-1) is None and status(server, MODEL)["state"] == "loaded", "for ever"
        assert chat(None) is None, "it still holds"
        assert abs(chat(50) - time.time() - 50) < 60
        assert chat(1e21) is None and chat("9" * 60 + "h") is None, "no clock counts so far"
        assert status(server, MODEL)["state"] == "loaded"
        chat(0)
        wait_until(lambda: status(server, MODEL) is None, "freeing at once")
        client.completions.create(model=MODEL, prompt="Hi", max_tokens=1, extra_body={"keep_alive": "0s"})
        wait_until(lambda: status(server, MODEL) is None, "freeing after a completion")
        client.responses.create(model=MODEL, input="Hi", max_output_tokens=1, extra_body={"keep_alive": "2h"})
        assert abs(expiry() - time.time() - 7200) < 60
        client.responses.create(model=MODEL, input="Hi", max_output_tokens=1, background=True, extra_body={"keep_alive": 0})
        wait_until(lambda: status(server, MODEL) is None, "freeing after a response")
        client.embeddings.create(model=NAME, input="Hi", extra_body={"keep_alive": 0})
        wait_until(lambda: status(server, NAME) is None, "freeing after an embedding")
        assert server.request("POST", "/v1/rerank", {"model": "judge", "query": "a", "documents": ["b"], "keep_alive": 0}).status == 200
        wait_until(lambda: status(server, "judge") is None, "freeing after a verdict")
        assert server.request("POST", "/v1/models/load", {"model": MODEL, "keep_alive": "1h"}).status == 200
        assert abs(expiry() - time.time() - 3600) < 60
        for path, body in (
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}), ("/v1/completions", {"prompt": "Hi"}),
            ("/v1/embeddings", {"input": "Hi"}), ("/v1/responses", {"input": "Hi"}), ("/v1/models/load", {}),
            ("/v1/rerank", {"query": "a", "documents": ["b"]}), ("/v2/rerank", {"query": "a", "documents": ["b"]}),
        ):
            body["model"] = MODEL
            server.request("POST", path, {**body, "keep_alive": "soon"}).assert_error(400, "keep_alive", "invalid_value")
            server.request("POST", path, {**body, "keep_alive": [5]}).assert_error(400, "keep_alive", "invalid_type")


def test_the_file_says_how_long_models_stay(shelf, tmp_path):
    path = tmp_path / "shimmy.toml"
    pinned, short = '[model.other]\npin = true\nkeep_alive = "1s"\n', f'[model."{MODEL}"]\nkeep_alive = "1s"\n'
    path.write_text(f'[models]\nkeep_alive = "10m"\n{pinned}{short}[model.judge]\npreload = true\n')
    with Server(shelf, "--config", str(path)) as server:
        wait_until(lambda: (status(server, "judge") or {"state": ""})["state"] == "loaded", "loading before any request")
        judge = status(server, "judge")
        assert judge["pinned"] is False
        assert abs(judge["expires_at"] - time.time() - 600) < 60, "the file's time for all models"
        for model in ("other", MODEL):
            assert server.chat(model=model, max_tokens=1).status == 200
        # The pinned model was used before, so that its time would be over, too.
        wait_until(lambda: status(server, MODEL) is None, "freeing")
        other = status(server, "other")
        assert (other["state"], other["users"], other["pinned"], other["expires_at"]) == ("loaded", 0, True, None)
        assert " pinned " in subprocess.run(
            [BINARY, "ps", "--host", f"127.0.0.1:{server.port}"], env=environment(shelf), capture_output=True, text=True, check=True).stdout
        # A setting of a loaded model takes effect at once.
        path.write_text(f'[models]\nkeep_alive = "10m"\n{short}[model.other]\nkeep_alive = "1s"\n')
        wait_until(lambda: status(server, "other") is None, "freeing")
        assert status(server, "judge")["state"] == "loaded"


def test_what_can_never_fit_is_refused_with_numbers(shelf):
    with Server(shelf, "--memory-budget", "50M") as server:
        needed = str(memory_of(server, MODEL))
        for answer in (server.chat(), server.chat(stream=True), server.request("POST", "/v1/models/load", {"model": MODEL})):
            message = answer.assert_error(503, None, "insufficient_memory", "server_error")
            assert needed in message and "50000000 bytes are available" in message
            assert "retry-after" not in answer.headers
        assert engine(server)["memory"] == {"budget": 50_000_000, "used": 0}


def long_stream(server, model=MODEL, tokens=400):
    """Starts a long stream and returns it after its first chunk."""
    client = OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0)
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Count."}], max_tokens=tokens, stream=True, extra_body={"ignore_eos": True})
    next(stream)
    return stream


SMALL = ("--ctx-size", "1024", "--slots", "8")


@pytest.fixture(scope="module")
def budget(shelf) -> str:
    """A budget in bytes that fits either quantization but not both."""
    with Server(shelf, *SMALL) as server:
        return str(max(memory_of(server, MODEL), memory_of(server, "other")) * 5 // 4)


def test_requests_wait_for_models_in_use(shelf, budget):
    with Server(shelf, *SMALL, "--memory-budget", budget) as server:
        stream = long_stream(server)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(server.chat(model="other")))
        waiting.start()
        wait_until(lambda: engine(server)["waiting"] == 1, "waiting")
        assert status(server, MODEL)["users"] == 1
        assert sum(1 for _ in stream) > 100, "a stream never loses its model"
        waiting.join()
        assert answers[0].status == 200
        assert [model["model"] for model in engine(server)["data"]] == ["other"], "there is no room for both"
        assert engine(server)["memory"]["used"] <= int(budget)

    with Server(shelf, *SMALL, "--memory-budget", budget, "--model-wait", "1") as server:
        stream = long_stream(server, tokens=800)
        answer = server.chat(model="other")
        answer.assert_error(503, None, "insufficient_memory", "server_error")
        assert int(answer.headers["retry-after"]) > 0
        stream.close()
        assert server.chat(model="other").status == 200


def comments_and_rest(answer) -> tuple[list[str], list[str]]:
    blocks = answer.body.decode().strip().split("\n\n")
    return [block for block in blocks if block.startswith(":")], [block for block in blocks if not block.startswith(":")]


def answer_after_a_stream(server, ask):
    """Returns the answer to a request that waits for memory until a stream of another model ends."""
    stream = long_stream(server)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask()))
    waiting.start()
    wait_until(lambda: engine(server)["waiting"] == 1, "waiting")
    for _ in stream:
        pass
    waiting.join()
    return answers[0]


def test_streams_tell_how_far_a_load_is(shelf, budget):
    with Server(shelf, *SMALL, "--memory-budget", budget, "--load-silence", "0") as server:
        comments, events = comments_and_rest(server.chat(stream=True))
        assert comments and all(comment.startswith((f": loading {MODEL} ", ": waiting for memory for ")) for comment in comments)
        assert events[-1] == "data: [DONE]" and len(events) > 2

        comments, events = comments_and_rest(answer_after_a_stream(server, lambda: server.chat(model="other", stream=True)))
        assert ": waiting for memory for other" in comments and events[-1] == "data: [DONE]"

        # Errors that are found without the model still have a status; all others are events.
        server.chat(model=MODEL, stream=True, temperature=3).assert_error(400, "temperature", "decimal_above_max_value")
        server.chat(model="none", stream=True).assert_error(404, None, "model_not_found")
        failed = server.chat(model="broken", stream=True)
        assert failed.status == 200 and failed.events[-1]["error"]["code"] == "model_load_failed"


def test_streams_of_responses_tell_how_far_a_load_is(shelf, budget):
    with Server(shelf, *SMALL, "--memory-budget", budget, "--load-silence", "0") as server:
        for background in (False, True):
            answer = create(server, stream=True, background=background, keep_alive=0)
            comments, events = comments_and_rest(answer)
            waits = [comment for comment in comments if comment != ": ping"]
            assert waits and all(comment.startswith((f": loading {MODEL} ", ": waiting for memory for ")) for comment in waits)
            events = parse(answer.body)
            assert events[0]["sequence_number"] == 0 and events[-1]["response"]["status"] in ("completed", "incomplete")
            assert_complete(events)
            wait_until(lambda: status(server, MODEL) is None, "freeing")

        # Errors that are found only with the model are events; all others have a status.
        for fields, code in (({"model": "broken"}, "model_load_failed"), ({"input": "word " * 9000}, "context_length_exceeded")):
            events = parse(create(server, stream=True, keep_alive=0, **fields).body)
            assert [event["type"] for event in events] == ["response.created", "response.in_progress", "error", "response.failed"]
            failed = events[-1]["response"]
            assert events[2]["code"] == code and failed["status"] == "failed" and failed["store"] is False
            server.request("GET", "/v1/responses/" + failed["id"]).assert_error(404, None, None)
            wait_until(lambda: status(server, MODEL) is None, "freeing")
        create(server, stream=True, temperature=3).assert_error(400, "temperature", "decimal_above_max_value")
        create(server, stream=True, model="none").assert_error(404, None, "model_not_found")
        # A request without streaming waits without progress reports.
        assert create(server).status == 200


def test_a_load_by_hand_tells_how_far_it_is(shelf, budget):
    with Server(shelf, *SMALL, "--memory-budget", budget) as server:

        def load(model: str):
            return server.request("POST", "/v1/models/load", {"model": model, "stream": True})

        first = answer_after_a_stream(server, lambda: load("other"))
        comments, _ = comments_and_rest(first)
        assert ": waiting for memory for other" in comments
        # A loaded model causes no progress reports.
        again = load("other")
        assert comments_and_rest(again)[0] == []
        for answer in (first, again):
            description, end = answer.events
            assert (description["id"], description["shimmy"]["loaded"], end) == ("other", True, "[DONE]")
        load("none").assert_error(404, None, "model_not_found")


def test_a_load_that_fails_quickly_has_a_status(shelf):
    with Server(shelf, *SMALL) as server:
        for stream in (False, True):
            server.chat(model="broken", stream=stream).assert_error(500, None, "model_load_failed", "server_error")
            create(server, model="broken", stream=stream).assert_error(500, None, "model_load_failed", "server_error")
        assert engine(server)["memory"]["used"] == 0 and engine(server)["data"] == []


@pytest.mark.parametrize("ask", ["whole", "stream", "response"])
def test_a_client_that_goes_waits_no_longer(shelf, budget, ask):
    """The request stops waiting when its client disconnects, even for streams that have not sent their status yet."""
    with Server(shelf, *SMALL, "--memory-budget", budget) as server:
        stream = long_stream(server, tokens=800)
        with OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=1) as client:
            with pytest.raises(Exception, match="timed out"):
                if ask == "response":
                    client.responses.create(model="other", input="Hi", stream=True)
                else:
                    client.chat.completions.create(model="other", messages=[{"role": "user", "content": "Hi"}], stream=ask == "stream")
        wait_until(lambda: engine(server)["waiting"] == 0, "giving up")
        assert status(server, MODEL)["users"] == 1
        stream.close()
