"""Speed of llama.cpp with and without Shimmy's kernels, in one program on the same weights, and its distance from the processor's limits."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

from package_index import install_tools  # noqa: E402
from paths import cache_directory, model_directory  # noqa: E402
from pins import BENCH_TOOLS, DEFAULT_MODEL  # noqa: E402

BUNDLE = REPOSITORY / "Artifacts/CLlama.artifactbundle"

# Formats of the large model: llama.cpp's file type number, and whether all tensors get this type.
BIG = {"Q4_K_M": ("15", False), "Q5_K": ("16", True), "Q6_K": ("18", True), "Q8_0": ("7", True)}


def program(name: str) -> Path:
    """Returns the program bench/kernels/NAME.cpp, compiled against this checkout's bundle. The cache key covers both."""
    source = REPOSITORY / f"bench/kernels/{name}.cpp"
    key = hashlib.sha256(source.read_bytes() + str(BUNDLE.resolve()).encode()).hexdigest()[:16]
    target = cache_directory() / "bench" / f"{name}-{key}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_suffix(f".{os.getpid()}")
        command = [os.environ.get("CXX", "c++"), "-O2", "-std=c++17", f"-I{BUNDLE}/include", f"-I{REPOSITORY}/Kernels", str(source)]
        subprocess.run(command + [str(BUNDLE / "libllama.a"), "-lpthread", "-ldl", "-lm", "-o", str(aside)], check=True)
        aside.rename(target)
    return target


def default_model() -> Path:
    return model_directory() / DEFAULT_MODEL["model_filename"]


def big_model(kind: str) -> Path:
    """Returns the large model in one format, which is created once."""
    folder = cache_directory() / "bench"
    target = folder / f"random-1B-{kind}.gguf"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # A name may end with a number of tokens.
        kind, _, tokens = kind.partition(" ")
        half = folder / f"random-1B-{tokens}F16.gguf"
        if not half.exists():
            tools = install_tools(BENCH_TOOLS, cache_directory() / "tools" / "-".join(BENCH_TOOLS).replace("==", "-"))
            aside = half.with_suffix(".partial")
            script = [sys.executable, str(REPOSITORY / "bench/big_model.py"), str(default_model()), str(aside)] + tokens.split()
            subprocess.run(script, check=True, env={**os.environ, "PYTHONPATH": str(tools)})
            aside.rename(half)
        number, pure = BIG[kind]
        aside = target.with_suffix(".partial")
        command = [str(program("model")), "quantize", str(half), str(aside), number] + (["pure"] if pure else [])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        aside.rename(target)
    return target


def weights(name: str) -> Path:
    return big_model(name.split()[1]) if name.startswith("1B") else default_model()


def run(name: str, contender: str, context: int) -> dict:
    """Runs a model once. `name` is SmolLM2, or 1B and a format."""
    # Read the file into the page cache for both contenders. Otherwise only the second one would find it there.
    with open(weights(name), "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
    command = [str(program("model")), "run", str(weights(name)), "on" if contender == "shimmy" else "off", str(context)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def limits() -> dict:
    return json.loads(subprocess.run([str(program("limits"))], check=True, capture_output=True, text=True).stdout)


def threads(model: str) -> list[dict]:
    lines = subprocess.run([str(program("threads")), model], check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]
