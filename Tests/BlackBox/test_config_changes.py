"""Changes while the server runs: shimmy.toml, API keys, and the files of models."""

import os
import shutil
import signal
import threading

import pytest

from ollama_store import ollama_model
from running import Stream, assert_whole, logged, rendered
from server import MODEL, MODEL_FILE, Server, put_model, run, wait_until


def test_a_changed_file_is_taken_and_no_stream_is_dropped(place):
    place(f'[model."{MODEL}"]\nsystem = "You are Ada."\naliases = ["first"]\n')
    with Server(place.home) as server:
        assert "You are Ada." in rendered(server, "first", ("user", "Hi"))
        streams = [Stream(server) for _ in range(3)]
        place(f'[server]\nport = 99\nallow_origin = ["https://ui.example"]\n[model."{MODEL}"]\nsystem = "You are Bob."\naliases = ["second"]\n')
        wait_until(lambda: logged(server, "configuration reloaded") == 1, "a reload")
        assert "You are Bob." in rendered(server, "second", ("user", "Hi"))
        server.chat(model="first").assert_error(404, None, "model_not_found")
        page = server.request("GET", "/health", headers={"Origin": "https://ui.example"})
        assert page.headers["access-control-allow-origin"] == "https://ui.example"
        assert any("need a restart" in line and "server.port" in line for line in server.log.read_text().splitlines())
        for stream in streams:
            assert_whole(stream)


def test_a_setting_that_was_put_back_needs_no_restart(place):
    place('[server]\nmax_tokens_over_context = "clamp"\n')
    with Server(place.home) as server:

        def write(text: str, reloads: int):
            place(text)
            wait_until(lambda: logged(server, "configuration reloaded") == reloads, "a reload")

        write('[limits]\nmax_requests = 7\n', 1)
        write('[limits]\nmax_requests = 7\n[models]\nmax_models = 2\n', 2)
        waiting = [line for line in server.log.read_text().splitlines() if "need a restart" in line]
        assert ["limits.max_requests" in line for line in waiting] == [True, True]
        assert ["models.max_models" in line for line in waiting] == [False, True]
        write('[server]\nmax_tokens_over_context = "clamp"\n', 3)
        assert logged(server, "need a restart") == 2


def test_hang_up_reads_the_file_again(place):
    keys = place.home / "keys.txt"
    keys.write_text("old-key\n")
    place(f'[server]\napi_key_file = "{keys}"\n')
    with Server(place.home) as server:

        def status(key: str) -> int:
            return server.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"}).status

        assert (status("old-key"), status("new-key")) == (200, 401)
        keys.write_text("new-key\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status("new-key") == 200, "a new key")
        assert status("old-key") == 401
        assert server.process.poll() is None


def test_a_broken_file_changes_nothing(place):
    place(f'[model."{MODEL}"]\nsystem = "You are Ada."\n')
    with Server(place.home) as server:
        assert "You are Ada." in rendered(server, MODEL, ("user", "Hi"))
        place('[model.x]\nsystem = 5\n[server]\nprot = 1\n')
        wait_until(lambda: logged(server, "configuration not reloaded"), "a refusal")
        assert logged(server, "model.x.system: it must be a string, not 5.") == 1
        assert logged(server, "server.prot: there is no such key. Did you mean 'port'?") == 1
        assert "You are Ada." in rendered(server, MODEL, ("user", "Hi"))
        place(f'[model."{MODEL}"]\nsystem = "You are Bob."\n')
        wait_until(lambda: logged(server, "configuration reloaded"), "a reload")
        assert "You are Bob." in rendered(server, MODEL, ("user", "Hi"))


def test_refused_upstreams_are_named(place):
    place("[limits]\nmax_requests = 7\n")
    with Server(place.home) as server:
        place('[upstream.gpu]\nurl = "http://127.0.0.1:9"\napi_key_env = "GPU_KEY_ABSENT"\n')
        wait_until(lambda: logged(server, "upstreams not reloaded"), "a refusal")
        assert "GPU_KEY_ABSENT is not set" in server.request("GET", "/admin/upstreams").json["problem"]
        shown = run(place.home, "upstreams", "--host", f"127.0.0.1:{server.port}")
        assert shown.returncode == 0 and "GPU_KEY_ABSENT is not set" in shown.stderr, shown.stderr
        place("[limits]\nmax_requests = 8\n")
        wait_until(lambda: server.request("GET", "/admin/upstreams").json["problem"] is None, "a reload")


def test_keys_cannot_be_taken_away_from_a_server_for_others(place):
    place('[server]\nhost = "0.0.0.0"\napi_key = ["word"]\n')
    with Server(place.home) as server:
        assert server.request("GET", "/v1/models").status == 401
        place('[server]\nhost = "0.0.0.0"\n')
        wait_until(lambda: logged(server, "access rules not reloaded: without API keys"), "a refusal")
        assert server.request("GET", "/v1/models").status == 401


@pytest.mark.parametrize("how", ["file", "text"])
def test_a_server_with_keys_never_becomes_one_without(place, how):
    """A server with API keys keeps requiring them, even on loopback and if the configuration file is deleted."""
    place('[server]\napi_key = ["word"]\n')
    with Server(place.home) as server:
        assert server.request("GET", "/v1/models").status == 401
        if how == "file":
            place.path.unlink()
        else:
            place("[server]\n")
        wait_until(lambda: logged(server, "keeps its current keys until a restart"), "a warning")
        assert server.request("GET", "/v1/models").status == 401
        assert server.request("GET", "/v1/models", headers={"Authorization": "Bearer word"}).status == 200


@pytest.mark.parametrize("how", ["deleted", "empty"])
def test_a_server_without_its_key_file_stays_closed(place, how):
    keys = place.home / "keys.txt"
    keys.write_text("word\n")
    place("[server]\n")
    with Server(place.home, "--api-key-file", str(keys)) as server:

        def statuses() -> tuple[int, int]:
            return tuple(server.request("GET", "/v1/models", headers=headers).status for headers in ({}, {"Authorization": "Bearer word"}))

        assert statuses() == (401, 200)
        if how == "deleted":
            keys.unlink()
        else:
            keys.write_text("")
        assert statuses() == (401, 200)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: logged(server, "access rules not reloaded"), "a refusal")
        assert statuses() == (401, 200)
        # A change of the configuration reads the key file again, too.
        place('[server]\nallow_origin = ["https://ui.example"]\n')
        wait_until(lambda: logged(server, "access rules not reloaded") > 1, "another refusal")
        assert statuses() == (401, 200)


def test_another_context_waits_for_the_streams(place):
    def context(server) -> int:
        return server.request("GET", f"/v1/models/{MODEL}").json["shimmy"]["context_length"]

    place(f'[model."{MODEL}"]\ncontext = 1024\n')
    with Server(place.home) as server:
        stream = Stream(server)
        assert context(server) == 1024
        place(f'[model."{MODEL}"]\ncontext = 512\n')
        wait_until(lambda: logged(server, "model settings changed") == 1, "a change")
        # New requests wait for the changed model, so that a series of requests cannot keep the old one loaded.
        answers = []
        late = threading.Thread(target=lambda: answers.append(server.chat()))
        late.start()
        wait_until(lambda: server.request("GET", "/v1/engine").json["waiting"] == 1, "waiting")
        assert context(server) == 1024
        assert_whole(stream)
        late.join()
        assert answers[0].status == 200 and context(server) == 512
        assert logged(server, "model loaded") == 2


def test_the_level_of_the_log_changes(place):
    place('[log]\nlog_level = "error"\n')
    with Server(place.home) as server:
        assert server.chat().status == 200
        assert logged(server, "model loaded") == 0
        place('[log]\nlog_level = "info"\n')
        wait_until(lambda: logged(server, "configuration reloaded"), "a reload")
        server.request("POST", "/v1/models/unload", {"model": MODEL})
        assert server.chat().status == 200
        assert logged(server, "model loaded") == 1


# Added and removed models


def names(server) -> set:
    return {model["id"] for model in server.request("GET", "/v1/models").json["data"]}


def test_models_are_noticed_when_they_come_and_go(place):
    with Server(place.home) as server:
        assert names(server) == {MODEL}
        models = place.home / "data/models"
        new = put_model(models / "user/repo/new-Q4_1.gguf")
        wait_until(lambda: "user/repo:Q4_1" in names(server), "a new model")
        assert server.chat(model="user/repo:Q4_1").status == 200
        # A folder that did not exist when the server started.
        ollama_model(place.home, "ada", system="You are Ada.")
        wait_until(lambda: "ada" in names(server), "a model of Ollama's")
        new.rename(models / "renamed.gguf")
        wait_until(lambda: "renamed" in names(server) and "user/repo:Q4_1" not in names(server), "another name")


def test_files_that_change_are_loaded_anew_when_nobody_uses_them(place):
    folder = place.home / "data/models"
    path = folder / "mine.gguf"
    shutil.copyfile(MODEL_FILE, path)
    with Server(place.home) as server:
        stream = Stream(server, model="mine")
        other = folder / "other.tmp"
        shutil.copyfile(MODEL_FILE, other)
        os.utime(other, (1, 1))
        other.rename(path)
        wait_until(lambda: logged(server, "model files changed") == 1, "a change")
        assert_whole(stream)
        wait_until(lambda: logged(server, "model freed") == 1, "the old one's end")
        assert server.chat(model="mine").status == 200
        assert logged(server, "model loaded") == 2
        path.unlink()
        wait_until(lambda: "mine" not in names(server), "a model's end")
        server.chat(model="mine").assert_error(404, None, "model_not_found")
