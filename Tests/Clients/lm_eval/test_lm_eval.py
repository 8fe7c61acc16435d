"""EleutherAI's unmodified lm-eval against the program: its results equal those computed with llama.cpp."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import MODEL, MODEL_FILE, REPOSITORY, Server, make_home

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def tasks(tmp_path_factory):
    """The task files with their folder filled in."""
    folder = tmp_path_factory.mktemp("tasks")
    for path in (HERE / "tasks").iterdir():
        (folder / path.name).write_text(path.read_text().replace("FOLDER", str(folder)))
    return folder


@pytest.fixture(scope="session")
def evaluate(tasks, tmp_path_factory):
    def evaluate(model: str, task: str, url: str, *arguments: str, **settings) -> list:
        """Runs lm-eval's command line. Returns a sample for each document."""
        output = tmp_path_factory.mktemp("output")
        values = ",".join(f"{name}={value}" for name, value in {"model": MODEL, "base_url": url, "num_concurrent": 4, **settings}.items())
        environment = dict(os.environ, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HOME=str(output), OPENAI_API_KEY="unused")
        command = [sys.executable, "-m", "lm_eval", "--model", model, "--model_args", values, "--tasks", task, "--include_path", str(tasks)]
        command += ["--log_samples", "--output_path", str(output), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        [samples] = output.rglob("samples_*.jsonl")
        return sorted((json.loads(line) for line in samples.read_text().splitlines()), key=lambda sample: sample["doc_id"])

    return evaluate


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The scores that llama.cpp computes for pairs of texts, without Shimmy."""
    binary = tmp_path_factory.mktemp("reference") / "reference"
    bundle = REPOSITORY / "Artifacts/CLlama.artifactbundle"
    command = ["c++", "-std=c++17", "-O2", str(HERE / "reference.cpp"), f"-I{bundle}/include", str(bundle / "libllama.a"), "-lpthread", "-ldl", "-lm"]
    if sys.platform == "darwin":
        command += [part for name in ("Foundation", "Metal", "MetalKit", "Accelerate") for part in ("-framework", name)]
    subprocess.run([*command, "-o", str(binary)], check=True)

    def likelihoods(pairs: list) -> list:
        lines = "".join(f"{context}\t{continuation}\n" for context, continuation in pairs)
        done = subprocess.run([str(binary), str(MODEL_FILE)], input=lines, capture_output=True, text=True, check=True)
        values = [line.split() for line in done.stdout.splitlines()]
        assert len(values) == len(pairs)
        return [(float(value), greedy == "1") for value, greedy in values]

    return likelihoods


@pytest.fixture(scope="session", params=["off", "auto"])
def measured(request, tmp_path_factory):
    """A server, with the max and mean allowed distances of its sums from llama.cpp's.

    With ggml's kernels both round in the same way. Shimmy's kernels add in another order, which leads to other quantized activations in this
    model of 135 million parameters. Both are equally far from the model in F32, as the kernel tests measure.
    """
    with Server(make_home(tmp_path_factory.mktemp("home")), "--cpu-kernels", request.param) as server:
        yield server, {"off": (0.01, 0.002), "auto": (0.6, 0.2)}[request.param]


def expect_close(told: list, expected: list, tolerance: tuple):
    differences = [abs(float(one) - other) for one, other in zip(told, expected, strict=True)]
    assert max(differences) <= tolerance[0] and sum(differences) / len(differences) <= tolerance[1], list(zip(told, expected))


def test_choices_are_as_likely_as_llama_cpp_says(measured, evaluate, reference):
    server, tolerance = measured
    samples = evaluate("local-completions", "shimmy_choices", server.url + "/v1/completions", tokenizer_backend="remote")
    documents = [sample["doc"] for sample in samples]
    told = [tuple(response) for sample in samples for response in sample["filtered_resps"]]
    expected = reference([(document["question"], " " + choice) for document in documents for choice in document["choices"]])
    assert len(told) == 18
    expect_close([likelihood for likelihood, _ in told], [likelihood for likelihood, _ in expected], tolerance)
    assert [greedy in (True, "True") for _, greedy in told] == [greedy for _, greedy in expected]
    assert sum(sample["acc"] for sample in samples) >= 4, "even a tiny model knows the capital of France"


def test_texts_are_as_likely_as_llama_cpp_says(measured, evaluate, reference):
    server, tolerance = measured
    samples = evaluate("local-completions", "shimmy_perplexity", server.url + "/v1/completions", tokenizer_backend="remote")
    expected = [likelihood for likelihood, _ in reference([("", sample["doc"]["text"]) for sample in samples])]
    expect_close([float(sample["filtered_resps"][0]) for sample in samples], expected, tuple(5 * bound for bound in tolerance))


def test_texts_are_generated(server, base_url, evaluate):
    plain = evaluate("local-completions", "shimmy_generate", base_url + "/completions", tokenizer_backend="remote")
    chat = evaluate("local-chat-completions", "shimmy_generate", base_url + "/chat/completions", "--apply_chat_template", num_concurrent=2)
    for samples in (plain, chat):
        answers = [sample["filtered_resps"][0] for sample in samples]
        assert len(answers) == 6 and all("\n" not in answer and "." not in answer for answer in answers)
        assert all(answers)
    assert "Paris" in plain[0]["filtered_resps"][0]
