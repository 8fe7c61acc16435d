#!/usr/bin/env python3
"""Feeds damaged bytes to everything that parses bytes from outside (libFuzzer with AddressSanitizer).

    scripts/fuzz.py [TARGET ...] [--seconds N] [--check] [--list]

Without targets all of them run, each for its share of the seconds. --check only runs the inputs that are kept: seeds and what once crashed.
An input that crashes, hangs or takes too much memory is written to Tests/Fuzz/regressions/TARGET, and the exit status is 1.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ = ROOT / "Tests" / "Fuzz"
BUILD = ROOT / ".build-fuzz"
# The time limit per input in seconds, and the memory limit of the process in megabytes.
TIMEOUT, MEMORY = 20, 2048

FEATURES = ["ExistentialAny", "MemberImportVisibility", "InternalImportsByDefault", "NonisolatedNonsendingByDefault"]
# The modules in the order of their imports, with their files that need no other package. A module with further files keeps its name.
MODULES = [
    ("ShimmyCore", ["**/*.swift"]),
    ("ShimmyJSON", ["**/*.swift"]),
    ("ShimmyGrammar", ["**/*.swift"]),
    ("ShimmyFormats", ["**/*.swift"]),
    ("ShimmyConversion", ["**/*.swift"]),
    ("ShimmyTerminal", ["**/*.swift"]),
    ("ShimmyEngine", ["Prefixes/StoredPrefix.swift", "Prompts/PromptUnit.swift", "EngineShape.swift", "MemoryUse.swift"]),
    ("ShimmyPrefixes", ["PrefixFile.swift", "PrefixKey.swift", "Checksum.swift"]),
    ("ShimmyClient", ["ServerSentEventReader.swift", "ServerAddress.swift", "ChatSession.swift", "ChatParameter.swift", "ChatEvent.swift",
                      "ChatCommand.swift"]),
    ("ShimmyModels", ["GGUF/*.swift", "Memory/MemoryEstimate.swift", "Memory/ComputeEstimate.swift", "Memory/LayerTensors.swift",
                      "Discovery/FileFacts.swift", "Discovery/ImatrixFile.swift", "FileStamp.swift",
                      "AdapterPlan.swift", "LoRAAdapter.swift"]),
    ("ShimmyHub", ["HubFile.swift", "HubError.swift", "HubAddress.swift", "PullManifest.swift", "PartialFile.swift", "FileChoice.swift"]),
    ("ShimmyHTTP", ["RetryAfter.swift"]),
    ("ShimmyTracing", ["TraceContext.swift", "TraceState.swift", "TraceID.swift"]),
    ("ShimmyChat", ["Answers/Answer.swift", "Answers/AnswerReport.swift", "Answers/AnswerFormat.swift", "Answers/StopMatcher.swift",
                    "Answers/TokenProbability.swift", "Answers/Usage.swift", "Constraints/ThinkingTracker.swift", "Conversations/*.swift",
                    "Infill/InfillMarks.swift", "PairFormat.swift", "Requests/UpstreamFailure.swift", "Vocabulary.swift"]),
    ("ShimmyUpstreams", ["UpstreamLimits.swift", "Answers/AnswerChunks.swift", "Answers/ChatChunks.swift", "Answers/ChoiceReader.swift",
                         "Answers/EventStream.swift", "Answers/LogprobsReader.swift", "Answers/ReasoningSplitter.swift",
                         "Anthropic/MessageChunks.swift", "Wire/UpstreamError.swift", "Wire/WireJSON.swift"]),
    ("NIOCore", ["*.swift"]),
    ("ShimmyServer", ["WebSocket/WebSocketReader.swift", "WebSocket/WebSocketClose.swift", "WebSocket/UTF8Check.swift"]),
]
# The folders of the modules that are not in Sources: the harness, and a part of another package in place of the whole.
FOLDERS = {"FuzzHarness": FUZZ / "Harness", "NIOCore": FUZZ / "NIOCore"}
TARGETS = ["json", "events", "words", "keys", "gguf", "imatrix", "safetensors", "folder", "prefix", "journal", "manifest", "gbnf", "lark",
           "regex", "schema", "frames", "inflate", "trace", "upstream"]
# Modules in C, with the libraries that they need.
C_MODULES = {"CInflate": ["-lz"]}
# Targets in C++, with llama.cpp's library (which is not instrumented).
CHAT_TARGETS = ["render", "answer"]


def swiftc(*arguments):
    command = ["swiftc", "-sanitize=fuzzer,address", "-O", "-enable-testing", "-g", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        sys.exit("\n".join(line for line in (result.stdout + result.stderr).splitlines() if "Cannot export" not in line))


def build_c(name):
    """Compiles a module in C. Returns its object, and the arguments with which Swift finds it."""
    folder, module = ROOT / "Sources" / name, BUILD / name
    module.mkdir(exist_ok=True)
    (module / "module.modulemap").write_text(f'module {name} {{ header "{folder / "include" / name}.h" export * }}\n')
    output = BUILD / f"{name}.o"
    if not output.exists() or output.stat().st_mtime < max(file.stat().st_mtime for file in folder.glob("**/*.[ch]")):
        print(f"compiling {name}", flush=True)
        subprocess.run(["clang", "-O1", "-g", "-fsanitize=fuzzer-no-link,address", f"-I{folder / 'include'}", "-c", str(folder / f"{name}.c"), "-o",
                        str(output)], check=True)
    return str(output), ["-I", str(module)]


def build():
    """Compiles changed modules and returns the program's path."""
    BUILD.mkdir(exist_ok=True)
    objects, newest = [], 0
    stamp = BUILD / "modules"
    if not stamp.exists() or stamp.read_text() != repr(MODULES):
        for file in BUILD.glob("*.o"):
            file.unlink()
        stamp.write_text(repr(MODULES))
    headers = []
    for name in C_MODULES:
        output, arguments = build_c(name)
        objects.append(output)
        headers += arguments
        newest = max(newest, os.stat(output).st_mtime)
    settings = [flag for feature in FEATURES for flag in ("-enable-upcoming-feature", feature)]
    for name, patterns in [*MODULES, ("FuzzHarness", None)]:
        folder = FOLDERS.get(name, ROOT / "Sources" / name)
        files = sorted({str(file) for pattern in patterns or ["*.swift"] for file in folder.glob(pattern)})
        output = BUILD / f"{name}.o"
        # A module is recompiled if it or an earlier module is newer.
        newest = max([newest, *(os.stat(file).st_mtime for file in files)])
        if not output.exists() or output.stat().st_mtime < newest:
            print(f"compiling {name}", flush=True)
            swiftc("-swift-version", "6", "-package-name", "shimmy", "-parse-as-library", "-wmo", "-module-name", name, "-I", str(BUILD), *headers, *settings,
                   "-emit-module", "-emit-module-path", str(BUILD / f"{name}.swiftmodule"), "-c", "-o", str(output), *files)
            newest = max(newest, output.stat().st_mtime)
        objects.append(str(output))
    program = BUILD / "fuzz"
    if not program.exists() or program.stat().st_mtime < newest:
        linker = ["-use-ld=lld"] if sys.platform == "linux" else []
        swiftc(*linker, "-parse-as-library", "-o", str(program), *objects, *(library for libraries in C_MODULES.values() for library in libraries))
    return program


def build_chat():
    """Compiles changed files of CChat and its harness and returns the program's path."""
    BUILD.mkdir(exist_ok=True)
    bundle = ROOT / "Artifacts" / "CLlama.artifactbundle"
    folder = ROOT / "Sources" / "CChat"
    flags = ["-std=c++17", "-O1", "-g", "-w", "-fsanitize=fuzzer,address", f"-I{folder / 'include'}", f"-I{folder}", f"-I{bundle / 'include'}",
             f"-I{bundle / 'include' / 'common'}"]
    headers = max(file.stat().st_mtime for file in [*folder.glob("**/*.h"), bundle / "libllama.a"])
    objects = []
    for file in [*sorted(folder.glob("*.cpp")), FUZZ / "Chat" / "harness.cpp"]:
        output = BUILD / f"chat-{file.stem}.o"
        if not output.exists() or output.stat().st_mtime < max(headers, file.stat().st_mtime):
            print(f"compiling {file.name}", flush=True)
            subprocess.run(["clang++", *flags, "-c", str(file), "-o", str(output)], check=True)
        objects.append(str(output))
    program = BUILD / "fuzz-chat"
    libraries = ["-fuse-ld=lld", "-lm", "-lpthread", "-ldl"] if sys.platform == "linux" else []
    subprocess.run(["clang++", "-fsanitize=fuzzer,address", *objects, str(bundle / "libllama.a"), *libraries, "-o", str(program)], check=True)
    return program


def run(program, target, seconds, check):
    """Runs one target. Returns whether it succeeded."""
    regressions = FUZZ / "regressions" / target
    kept = [str(folder) for folder in (FUZZ / "corpus" / target, regressions) if folder.is_dir()]
    work = BUILD / "corpus" / target
    work.mkdir(parents=True, exist_ok=True)
    found = BUILD / "found" / target
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    dictionary = FUZZ / "dictionaries" / f"{target}.dict"
    # Swift's crash report would wait for a debugger. AddressSanitizer already reports the crash.
    environment = dict(os.environ, FUZZ_TARGET=target, SWIFT_BACKTRACE="enable=no", ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1")
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        environment["FUZZ_FOLDER"] = folder
        command = [str(program), f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={found}/", "-print_final_stats=1",
                   "-max_len=65536", *([f"-dict={dictionary}"] if dictionary.exists() else [])]
        command += ["-runs=0", *kept] if check else [f"-max_total_time={seconds}", str(work), *kept]
        log = BUILD / f"{target}.log"
        with open(log, "w") as output:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                process.wait(timeout=seconds * 2 + 120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
    lines = log.read_text(errors="replace").splitlines()
    runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
    inputs = sorted(found.iterdir())
    print(f"{target}: {runs} inputs, {'well' if process.returncode == 0 else f'FAILED ({process.returncode}), see {log}'}", flush=True)
    for file in inputs:
        regressions.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, regressions / file.name)
        print(f"  {regressions / file.name}")
    return process.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(TARGETS + CHAT_TARGETS))
        return
    unknown = [target for target in options.targets if target not in TARGETS + CHAT_TARGETS]
    if unknown:
        sys.exit(f"unknown target {unknown[0]}; there are {', '.join(TARGETS + CHAT_TARGETS)}")
    targets = options.targets or TARGETS + CHAT_TARGETS
    programs = {}
    if any(target in TARGETS for target in targets):
        programs |= dict.fromkeys(TARGETS, build())
    if any(target in CHAT_TARGETS for target in targets):
        programs |= dict.fromkeys(CHAT_TARGETS, build_chat())
    seconds = max(1, options.seconds // len(targets))
    results = [run(programs[target], target, seconds, options.check) for target in targets]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
