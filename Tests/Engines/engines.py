"""The engines behind Shimmy: what they need, and how they start. Each one serves the models of the black-box tests under the same names."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from package_index import install_tools
from paths import cache_directory

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CHAT, EMBEDDINGS = "chat", "embeddings"
EMBEDDER = "all-MiniLM-L6-v2"
CONTEXT = 8192
# Requests that an engine computes at the same time.
SLOTS = 4
START_SECONDS, STOP_SECONDS = 600, 30


class EngineError(Exception):
    """An engine that did not start. The text is a message for the user."""


class Machine:
    """What the engines run with: the variables of the tests, a folder for logs and homes, and a folder for files that are made once."""

    def __init__(self, variables: dict, folder: Path, made: Path):
        self.variables, self.folder, self.made = variables, folder, made
        # Threads of an engine that shares the cores with other programs.
        self.threads = variables.get("SHIMMY_TEST_THREADS")
        self.program, self.model, self.embedder = (Path(variables[f"SHIMMY_{name}"]) for name in ("BINARY", "TEST_MODEL", "EMBEDDING_MODEL"))

    def threaded(self, option: str) -> list:
        """Returns the option for the number of threads, or nothing for the engine's own choice."""
        return [option, self.threads] if self.threads else []

    @property
    def model_name(self) -> str:
        return self.model.name.removesuffix(".gguf")

    def embedder_file(self) -> Path:
        """Returns the embedding model as a GGUF file."""
        path = self.made / f"{EMBEDDER}.gguf"
        if not path.exists():
            self.made.mkdir(parents=True, exist_ok=True)
            subprocess.run([str(self.program), "convert", str(self.embedder), "--output", str(path)], check=True, env=self.separate())
        return path

    def hub_folder(self) -> Path:
        """Returns the chat model in the form of the Hugging Face hub."""
        path = self.made / self.model_name
        if not path.exists():
            aside = path.with_name(f"{path.name}.{os.getpid()}")
            writer = [sys.executable, str(REPOSITORY / "Tests/BlackBox/hub_folder.py"), str(aside)]
            subprocess.run(writer, check=True, env=self.variables)
            aside.rename(path)
        return path

    def separate(self, **more: str) -> dict:
        """Returns an environment in which programs find no files of the user."""
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHIMMY_", "HF_", "XDG_", "VLLM_", "OMP_", "PYTHONPATH"))}
        own = {"HOME": str(home), "SHIMMY_DATA_DIR": str(home / "data"), "SHIMMY_CACHE_DIR": str(home / "cache"), "HF_HUB_OFFLINE": "1"}
        return {**kept, **own, **more}


def packages(engine: str, finish=None) -> Path:
    """Returns the folder with an engine's packages. Installs them once; `finish` changes the folder after that."""
    requirements = HERE / engine / "requirements.txt"
    version = "".join(map(str, sys.version_info[:2]))
    pins = "-".join(line.split("==")[-1] for line in requirements.read_text().split())
    directory = cache_directory() / "tools" / f"engine-{engine}-{pins}-py{version}"
    install_tools(["-r", str(requirements)], directory)
    if finish is not None:
        finish(directory)
    return directory


class Engine:
    """An engine: how it starts, and what its upstream needs in shimmy.toml beside the address."""

    settings = ""

    def command(self, machine: Machine, port: int, role: str) -> tuple[list, dict]:
        """Returns the command and the environment of a server with the model of a role."""
        raise NotImplementedError


class Shimmy(Engine):
    """Another Shimmy."""

    def command(self, machine: Machine, port: int, role: str) -> tuple[list, dict]:
        models = machine.folder / "home/data/models"
        models.mkdir(parents=True, exist_ok=True)
        for name, source in ((machine.model.name, machine.model), (EMBEDDER, machine.embedder)):
            if not (models / name).exists():
                (models / name).symlink_to(source)
        return [machine.program, "serve", "--port", port, *machine.threaded("--threads")], machine.separate()


class LlamaServer(Engine):
    """llama-server, built from the pinned source."""

    def command(self, machine: Machine, port: int, role: str) -> tuple[list, dict]:
        build = [sys.executable, str(REPOSITORY / "scripts/build_llama.py"), "--server"]
        server = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        common = [server, "--port", port, "--no-webui", *machine.threaded("--threads")]
        if role == EMBEDDINGS:
            return [*common, "--model", machine.embedder_file(), "--alias", EMBEDDER, "--embeddings"], machine.separate()
        size = ["--ctx-size", CONTEXT * SLOTS, "--parallel", SLOTS, "--no-kv-unified"]
        return [*common, "--model", machine.model, "--alias", machine.model_name, *size], machine.separate()


class LlamaCppPython(Engine):
    """The server of llama-cpp-python. pip compiles its llama.cpp."""

    # It computes one request at a time, and lists its models only between requests.
    settings = 'max_concurrency = 1\nhealth = "/openapi.json"\n'

    def command(self, machine: Machine, port: int, role: str) -> tuple[list, dict]:
        variables = machine.separate(PYTHONPATH=str(packages("llama_cpp_python")))
        server = [sys.executable, "-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", port, *machine.threaded("--n_threads")]
        # Otherwise a new request ends the running stream.
        server += ["--interrupt_requests", "false"]
        if role == EMBEDDINGS:
            return [*server, "--model", machine.embedder_file(), "--model_alias", EMBEDDER, "--embedding", "true", "--n_ctx", 512], variables
        chat = ["--model", machine.model, "--model_alias", machine.model_name, "--n_ctx", CONTEXT, "--logits_all", "true"]
        return [*server, *chat], variables


class VLLM(Engine):
    """vLLM on the processor, with the chat model in 16 bits."""

    # One gigabyte for the cache.
    VARIABLES = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}

    def command(self, machine: Machine, port: int, role: str) -> tuple[list, dict]:
        folder = packages("vllm", self.repair)
        threads = {"OMP_NUM_THREADS": machine.threads} if machine.threads else {}
        variables = machine.separate(PYTHONPATH=str(folder), VLLM_CACHE_ROOT=str(machine.made / "vllm"), **self.VARIABLES, **threads)
        serve = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve"]
        common = ["--port", port, "--host", "127.0.0.1", "--enforce-eager", "--max-num-seqs", SLOTS]
        if role == EMBEDDINGS:
            return [*serve, machine.embedder, "--served-model-name", EMBEDDER, "--runner", "pooling", *common], variables
        chat = ["--served-model-name", machine.model_name, "--max-model-len", CONTEXT, "--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
        return [*serve, machine.hub_folder(), *chat, "--max-logprobs", 20, *common], variables

    @staticmethod
    def repair(folder: Path):
        """Repairs two faults of the packages: some do not match its torch and fail to import, and vLLM looks for its version under another name."""
        for name in ("torchvision", "torchaudio", "torchcodec"):
            for path in folder.glob(f"{name}*"):
                shutil.rmtree(path)
        [packaged] = folder.glob("vllm_cpu-*.dist-info")
        version = packaged.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")
        copy = folder / f"vllm-{version}+cpu.dist-info"
        if copy.exists():
            return
        aside = folder / f"vllm-repair.{os.getpid()}"
        shutil.copytree(packaged, aside)
        lines = (aside / "METADATA").read_text().split("\n")
        changed = {"Name": "vllm", "Version": f"{version}+cpu"}
        for index, line in enumerate(lines[: lines.index("")]):
            key = line.split(":")[0]
            lines[index] = f"{key}: {changed[key]}" if key in changed else line
        (aside / "METADATA").write_text("\n".join(lines))
        aside.rename(copy)


ENGINES = {"shimmy": Shimmy(), "llama-server": LlamaServer(), "llama-cpp-python": LlamaCppPython(), "vllm": VLLM()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A running engine. Use it in a `with` statement."""

    def __init__(self, name: str, role: str, machine: Machine):
        self.name, self.role, self.machine, self.port = name, role, machine, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Running":
        command, variables = ENGINES[self.name].command(self.machine, self.port, self.role)
        self.log = self.machine.folder / f"{self.name}-{self.role}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # A session of its own: vLLM starts more processes.
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([str(word) for word in command], env=variables, stdout=log, stderr=log, start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        """Waits until the engine lists its models."""
        deadline = time.monotonic() + START_SECONDS
        while not self.models():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise EngineError(f"{self.name} did not start; the end of {self.log}:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)

    def models(self) -> list:
        try:
            with urllib.request.urlopen(self.url + "/v1/models", timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except (OSError, urllib.error.URLError, ValueError, KeyError):
            return []

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGKILL):
            # The second signal is for children that outlive their parent.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
