"""Builds llama.cpp from its pinned source as one static library in an artifact bundle that Package.swift takes.

    build_llama.py [--gpu cuda|vulkan|metal] [--portable | --server | --source]

The result is cached by version, checksum, options and processor, so that a second checkout links it at once. The kernels in
Kernels/ are compiled beside it, against its internal headers, into the same archive.
Everything is built aside and renamed at the end: an interrupted build is never mistaken for a good one.
`--portable` builds for other machines too: the library has several variants of ggml's CPU backend (see cpu_variants.py).
`--server` builds llama-server from the same source with its own default options, for the benchmarks, and prints its path.
`--source` prints where the source lies, for tests that use llama.cpp's own test data.
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cpu_variants
from package_index import FetchError, install_tools, unpacked
from paths import cache_directory
from pins import BUILD_TOOLS, LLAMA
from static_libraries import link_static_libraries

REPOSITORY = Path(__file__).resolve().parent.parent
LAYOUT = 2  # raise it when the bundle's content changes without a change of the options

LIBRARY_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_BUILD_COMMON": "ON",
    "LLAMA_BUILD_MTMD": "ON",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TOOLS": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_SUBPROCESS": "OFF",
    "GGML_RPC": "ON",
    # Use ggml's threads instead of OpenMP's: they can be polled, pinned and counted, and need no extra library.
    "GGML_OPENMP": "OFF",
    "GGML_CCACHE": "OFF",
}

SERVER_OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "GGML_CCACHE": "OFF",
}

HEADERS = ["llama.h", "ggml-rpc.h", "mtmd.h", "shimmy_build.h", "shimmy_kernels.h"]

KERNELS = REPOSITORY / "Kernels"
PATCHES = sorted((REPOSITORY / "Patches").glob("*.patch"))
# Disable implicit contraction of products and sums, so that a row's result does not depend on the compiler's loop optimizations.
KERNEL_FLAGS = ["-O3", "-fPIC", "-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unused-function", "-Wno-maybe-uninitialized", "-Wno-uninitialized"]

# Libraries that a backend needs. The module map passes them to all importers of the module.
LINKED = {
    "cuda": ["cudart", "cublas", "cublasLt", "cuda"],
    "vulkan": ["vulkan"],
    "metal": ["framework Foundation", "framework Metal", "framework MetalKit"],
}


def module_map(gpu: str | None) -> str:
    linked = LINKED.get(gpu or "", []) + (["framework Accelerate"] if sys.platform == "darwin" else [])
    lines = [f'header "{header}"' for header in HEADERS]
    lines += [f'link framework "{name[10:]}"' if name.startswith("framework ") else f'link "{name}"' for name in linked]
    return "module CLlama {\n" + "".join(f"    {line}\n" for line in lines) + "    export *\n}\n"


def processor() -> str:
    """Returns a name for the instruction set of a native build, so that machines can share a cache directory."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return hashlib.sha256(line.encode()).hexdigest()[:12]
    except OSError:
        pass
    return platform.machine()


def gpu_options(gpu: str | None) -> dict:
    return {f"GGML_{gpu.upper()}": "ON"} if gpu else {}


def portable_options() -> dict:
    """Returns the options of a library for processors other than this one."""
    if platform.machine() == "x86_64":
        return cpu_variants.options(next(iter(cpu_variants.VARIANTS)))
    # Most 64-bit ARM servers and single-board computers since 2018.
    return {"GGML_NATIVE": "OFF", **({"GGML_CPU_ARM_ARCH": "armv8.2-a+dotprod+fp16"} if sys.platform == "linux" else {})}


def target_triple() -> str:
    machine = {"AMD64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}.get(platform.machine(), platform.machine())
    return f"{machine}-apple-macosx" if sys.platform == "darwin" else f"{machine}-unknown-linux-gnu"


def source_directory(cache: Path) -> Path:
    return unpacked(LLAMA, "llama.cpp", cache)


def patches_key() -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in PATCHES)).hexdigest()[:16]


def patched_source(cache: Path) -> Path:
    """Returns a copy of the source with this checkout's patches. Raises FetchError if a patch no longer applies."""
    source = source_directory(cache)
    target = source.with_name(f"{source.name}-{patches_key()}")
    if target.exists():
        return target
    aside = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    # The .git of the source refers to a repository that does not exist here. GIT_CEILING_DIRECTORIES stops Git from finding a repository around
    # the cache, in which `git apply` would skip the patched files.
    shutil.copytree(source, aside, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    environment = dict(os.environ, GIT_CEILING_DIRECTORIES=str(aside.parent))
    for patch in PATCHES:
        if subprocess.run(["git", "apply", str(patch)], cwd=aside, env=environment).returncode != 0:
            shutil.rmtree(aside)
            raise FetchError(f"{patch.relative_to(REPOSITORY)} does not fit llama.cpp any more; adapt it to the pinned source")
    aside.rename(target)
    return target


class Build:
    """A CMake build folder: configures, builds targets and reports failures."""

    def __init__(self, source: Path, directory: Path, tools: Path, options: dict):
        self.source, self.directory, self.options = source, directory, options
        self.cmake = tools / "cmake/data/bin/cmake"
        if not self.cmake.exists():
            self.cmake = tools / "cmake/data/CMake.app/Contents/bin/cmake"
        self.ninja = tools / "bin/ninja"

    def run(self, *targets: str):
        options = dict(self.options, CMAKE_MAKE_PROGRAM=str(self.ninja))
        defines = [f"-D{name}={value}" for name, value in options.items()]
        self.call([self.cmake, "-S", self.source, "-B", self.directory, "-G", "Ninja", "-Wno-dev"] + defines, quiet=True)
        self.call([self.cmake, "--build", self.directory, "--target", *targets], quiet=False)

    def call(self, command: list, quiet: bool):
        command = [str(word) for word in command]
        environment = dict(os.environ, NINJA_STATUS="[llama.cpp %f/%t] ")
        if not quiet and sys.stderr.isatty():
            if subprocess.run(command, env=environment, stdout=sys.stderr).returncode != 0:
                raise FetchError("llama.cpp did not build; the lines above say why")
            return
        self.call_in_pipe(command, environment, quiet)

    @staticmethod
    def call_in_pipe(command: list[str], environment: dict, quiet: bool):
        """Runs a command with its output in a pipe: prints a line every 25 steps, and all output if the command fails."""
        lines = []
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            lines.append(line)
            if not quiet and line.startswith("[llama.cpp ") and int(line[11:].split("/")[0]) % 25 == 0:
                print(line, end="", file=sys.stderr)
        if process.wait() != 0:
            print("".join(lines[-60:]), file=sys.stderr)
            raise FetchError(f"llama.cpp did not build: {' '.join(command)}")


def copy_headers(source: Path, include: Path, gpu: str | None):
    for folder in ("include", "ggml/include"):
        for header in sorted((source / folder).glob("*.h")):
            shutil.copy2(header, include / header.name)
    for name in ("mtmd.h", "mtmd-helper.h"):
        shutil.copy2(source / "tools/mtmd" / name, include / name)
    for header in sorted((source / "common").rglob("*.h")):
        target = include / "common" / header.relative_to(source / "common")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(header, target)
    description = f"llama-cpp-python {LLAMA['version']}, {gpu or 'CPU'}"
    (include / "shimmy_build.h").write_text(
        "// What this llama.cpp was built from and with; `shimmy info` prints it.\n"
        f'static const char *const shimmy_llama_build = "{description}";\n'
    )
    (include / "module.modulemap").write_text(module_map(gpu))


def merge_archives(archives: list[Path], target: Path):
    """Merges archives and single object files into one archive, with `ar`, or with `libtool` on macOS."""
    if sys.platform == "darwin":
        subprocess.run(["libtool", "-static", "-o", target] + archives, check=True)
        return
    verbs = {".a": "addlib", ".o": "addmod"}
    script = f"create {target}\n" + "".join(f"{verbs[path.suffix]} {path}\n" for path in archives) + "save\nend\n"
    subprocess.run(["ar", "-M"], input=script, text=True, check=True)


def archives_of(build: Path) -> list[Path]:
    return sorted(path for path in build.rglob("*.a") if "CMakeFiles" not in path.parts)


def write_bundle(source: Path, archives: list[Path], bundle: Path, gpu: str | None):
    include = bundle / "include"
    include.mkdir(parents=True, exist_ok=True)
    copy_headers(source, include, gpu)
    merge_archives(archives, bundle / "libllama.a")
    variant = {
        "path": "libllama.a",
        "supportedTriples": [target_triple()],
        "staticLibraryMetadata": {"headerPaths": ["include"], "moduleMapPath": "include/module.modulemap"},
    }
    artifact = {"version": LLAMA["version"], "type": "staticLibrary", "variants": [variant]}
    (bundle / "info.json").write_text(json.dumps({"schemaVersion": "1.0", "artifacts": {"CLlama": artifact}}, indent=2))


def link_into_repository(bundle: Path, portable: bool):
    link = REPOSITORY / "Artifacts" / ("portable" if portable else "") / bundle.name
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() or link.exists():
        if link.is_symlink() and link.resolve() == bundle.resolve():
            return
        link.unlink() if link.is_symlink() else shutil.rmtree(link)
    link.symlink_to(bundle)


def build_library(cache: Path, tools: Path, gpu: str | None, portable: bool) -> Path:
    """Builds the bundle: llama.cpp, which is cached, and this checkout's kernels."""
    options = dict(LIBRARY_OPTIONS, **gpu_options(gpu), **(portable_options() if portable else {}))
    pinned = [LLAMA["version"], LLAMA["sha256"], patches_key()]
    target = [cpu_variants.VARIANTS, Path(cpu_variants.__file__).read_text()] if portable else [processor()]
    identity = json.dumps([LAYOUT, *pinned, options, target_triple(), *target, os.environ.get("CXX", "")])
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    directory = cache / "llama" / f"{LLAMA['version']}-{key}"
    plain = directory / "CLlama.artifactbundle"
    if not plain.exists():
        print("Building llama.cpp once (about 5 minutes on 2 cores)", file=sys.stderr)
        source, build = patched_source(cache), directory / "build"
        Build(source, build, tools, options).run("llama", "llama-common", "mtmd", "ggml-rpc")
        aside = directory / f"bundle.{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        archives = archives_of(build)
        if portable and platform.machine() == "x86_64":
            archives = with_variants(source, archives, directory, tools)
        write_bundle(source, archives, aside, gpu)
        aside.rename(plain)
        for folder in directory.glob("build*"):
            shutil.rmtree(folder)
    return add_kernels(cache, plain, gpu)


def with_variants(source: Path, archives: list[Path], directory: Path, tools: Path) -> list[Path]:
    """Builds the other variants of ggml's CPU backend. Returns the archives and objects of the library with all variants."""
    name = "libggml-cpu.a"
    baseline, *faster = cpu_variants.VARIANTS
    backends = {baseline: next(path for path in archives if path.name == name)}
    for variant in faster:
        build = directory / f"build-{variant}"
        Build(source, build, tools, dict(LIBRARY_OPTIONS, **cpu_variants.options(variant))).run("ggml-cpu")
        backends[variant] = next(path for path in archives_of(build) if path.name == name)
    others = [path for path in archives if path.name != name]
    kernels = directory / "build-kernels"
    kernels.mkdir(exist_ok=True)
    callers = compile_kernels(source, kernel_sources(".cpp"), kernels)
    headers = [source / "ggml/include/ggml-cpu.h"]
    return others + cpu_variants.merge(backends, others + callers, headers, directory / "build-merged")


def kernel_sources(*suffixes: str) -> list[Path]:
    return sorted(path for path in KERNELS.rglob("*") if path.suffix in suffixes)


def add_kernels(cache: Path, plain: Path, gpu: str | None) -> Path:
    """Returns a copy of a bundle with the kernels in its archive, cached by the kernels' source."""
    sources = kernel_sources(".h", ".cpp")
    content = b"\0".join(str(path.relative_to(KERNELS)).encode() + b"\0" + path.read_bytes() for path in sources)
    key = hashlib.sha256(json.dumps([KERNEL_FLAGS, module_map(gpu)]).encode() + content).hexdigest()[:16]
    directory = plain.parent / f"kernels-{key}"
    bundle = directory / plain.name
    if not bundle.exists():
        print("Building the kernels", file=sys.stderr)
        aside = plain.parent / f"kernels.{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(plain, aside / plain.name)
        objects = compile_kernels(patched_source(cache), [path for path in sources if path.suffix == ".cpp"], aside)
        merge_archives([plain / "libllama.a", *objects], aside / plain.name / "libllama.a")
        include = aside / plain.name / "include"
        shutil.copy2(KERNELS / "include/shimmy_kernels.h", include)
        (include / "module.modulemap").write_text(module_map(gpu))
        for path in objects:
            path.unlink()
        aside.rename(directory)
    return bundle


def compile_kernels(source: Path, files: list[Path], directory: Path) -> list[Path]:
    """Compiles each file with ggml's internal headers, in parallel on all cores."""
    compiler = os.environ.get("CXX", "c++")
    includes = [f"-I{KERNELS}", f"-I{KERNELS}/include"]
    for folder in ("include", "ggml/include", "ggml/src", "ggml/src/ggml-cpu"):
        includes += ["-isystem", str(source / folder)]

    def compile_one(file: Path) -> Path:
        target = directory / f"{file.stem}.o"
        result = subprocess.run([compiler, *KERNEL_FLAGS, *includes, "-c", str(file), "-o", str(target)], capture_output=True, text=True)
        if result.stderr:
            print(result.stderr, file=sys.stderr)
        if result.returncode != 0:
            raise FetchError(f"{file.relative_to(REPOSITORY)} did not compile; the lines above say why")
        return target

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(compile_one, files))


def build_server(cache: Path, tools: Path) -> Path:
    key = hashlib.sha256(json.dumps([LLAMA["sha256"], SERVER_OPTIONS, processor()]).encode()).hexdigest()[:16]
    directory = cache / "llama-server" / f"{LLAMA['version']}-{key}"
    server = directory / "llama-server"
    if not server.exists():
        print("Building llama-server once, for the comparison (about 8 minutes on 2 cores)", file=sys.stderr)
        Build(source_directory(cache), directory / "build", tools, SERVER_OPTIONS).run("llama-server")
        shutil.copy2(directory / "build/bin/llama-server", directory / "llama-server.partial")
        (directory / "llama-server.partial").rename(server)
        shutil.rmtree(directory / "build")
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", choices=["cuda", "vulkan", "metal"])
    parser.add_argument("--portable", action="store_true")
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--source", action="store_true")
    arguments = parser.parse_args()
    gpu = arguments.gpu or ("metal" if sys.platform == "darwin" else None)
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # If two checkouts build at once, the second one uses the result of the first.
        if arguments.source:
            return print(source_directory(cache))
        tools = install_tools(BUILD_TOOLS, cache / "tools" / "-".join(BUILD_TOOLS).replace("==", "-"))
        if arguments.server:
            print(build_server(cache, tools))
        else:
            link_into_repository(build_library(cache, tools, gpu, arguments.portable), arguments.portable)
            link_static_libraries(REPOSITORY / "Artifacts/static")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
