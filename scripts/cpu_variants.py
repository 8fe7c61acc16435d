"""Puts several builds of ggml's CPU backend into one static library, of which a program uses the one that fits its processor.

ggml itself chooses among variants in shared libraries, but Shimmy is one file. Each variant becomes one object file whose symbols are all
local, except for renamed entry points. A jump table, filled before any other code runs, leads from the original names to the chosen variant.

The variants contain C++ code that is also elsewhere in the program, such as that of templates of the standard library. The linker would keep
one copy of it for all, perhaps one with instructions that the processor lacks. Therefore `ld --force-group-allocation` makes it part of each
variant, and its symbols become local too.
"""

import re
import shutil
import subprocess
from pathlib import Path

from package_index import FetchError

# CMake's options of each variant, and the names under which GCC's __builtin_cpu_supports knows what the processor must have. The slowest first.
COMMON = ["SSE42"]
AVX2 = [*COMMON, "AVX", "AVX2", "F16C", "FMA", "BMI2"]
AVX512 = [*AVX2, "AVX512"]
VARIANTS = {
    "sse42": (COMMON, []),
    "haswell": (AVX2, ["avx2", "fma", "f16c", "bmi2"]),
    "alderlake": ([*AVX2, "AVX_VNNI"], ["avx2", "fma", "f16c", "bmi2", "avxvnni"]),
    "skylakex": (AVX512, ["avx2", "fma", "f16c", "bmi2", "avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw"]),
    "icelake": (
        [*AVX512, "AVX512_VBMI", "AVX512_VNNI"],
        ["avx2", "fma", "f16c", "bmi2", "avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw", "avx512vbmi", "avx512vnni"],
    ),
    "zen4": (
        [*AVX512, "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"],
        ["avx2", "fma", "f16c", "bmi2", "avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw", "avx512vbmi", "avx512vnni", "avx512bf16"],
    ),
}
ALL = sorted({option for options, _ in VARIANTS.values() for option in options})

# Features that __builtin_cpu_supports does not know in every supported compiler, as CPUID leaf, subleaf, register (a to d) and bit.
CPUID = {"f16c": (1, 0, 2, 29), "avxvnni": (7, 1, 0, 4), "avx512bf16": (7, 1, 0, 5), "bmi2": (7, 0, 1, 8)}


def options(variant: str) -> dict:
    """Returns CMake's options for one variant."""
    enabled = VARIANTS[variant][0]
    return {"GGML_NATIVE": "OFF", **{f"GGML_{option}": "ON" if option in enabled else "OFF" for option in ALL}}


def symbols(path: Path, *flags: str) -> list[tuple[str, str]]:
    """Returns the names and types of the symbols in an object file or an archive."""
    lines = subprocess.run(["nm", "--format=posix", *flags, str(path)], capture_output=True, text=True, check=True).stdout.splitlines()
    return [(words[0], words[1]) for words in map(str.split, lines) if len(words) >= 2 and len(words[1]) == 1]


def public_functions(headers: list[Path]) -> set[str]:
    """Returns the functions that headers of ggml's CPU backend declare."""
    declaration = re.compile(r"^\s*GGML_BACKEND_API\b[^;]*?\b(ggml_\w+)\s*\(", re.M)
    return {name for header in headers for name in declaration.findall(header.read_text())}


def merge(archives: dict[str, Path], others: list[Path], headers: list[Path], directory: Path) -> list[Path]:
    """Returns object files that replace the archives of the variants.

    - archives: the CPU backend of each variant.
    - others: all other archives and objects of the library, which call the backend.
    - headers: those of ggml's CPU backend, whose functions programs call.
    """
    directory.mkdir(parents=True, exist_ok=True)
    used = public_functions(headers) | {name for path in others for name, _ in symbols(path, "--undefined-only")}
    # Inline functions are in each object that calls them.
    used -= {name for path in others for name, _ in symbols(path, "--defined-only", "--extern-only")}
    baseline = next(iter(archives))
    merged = {}
    for variant, archive in archives.items():
        target = directory / f"ggml-cpu-{variant}.o"
        # A variant is one object, so that references within it stay in it.
        subprocess.run(
            ["ld.bfd", "-r", "--force-group-allocation", "-o", target, "--whole-archive", archive], check=True)
        merged[variant] = target
    defined = {name: kind for name, kind in symbols(merged[baseline], "--defined-only", "--extern-only") if name in used}
    functions = sorted(name for name, kind in defined.items() if kind in "TW")
    # Type information of base classes, which is the same in all variants.
    data = sorted(name for name, kind in defined.items() if kind not in "TW")
    if writable := [name for name in data if defined[name] not in "VR"]:
        raise FetchError(f"ggml's CPU backend shares variables, which variants cannot: {', '.join(writable)}")
    for variant, target in merged.items():
        missing = set(functions) - {name for name, _ in symbols(target, "--defined-only", "--extern-only")}
        if missing:
            raise FetchError(f"the variant {variant} lacks {', '.join(sorted(missing))}")
        rename(target, variant, functions, data if variant == baseline else [], directory)
    return [*merged.values(), dispatcher(list(archives), functions, directory)]


def rename(target: Path, variant: str, functions: list[str], data: list[str], directory: Path):
    """Renames the entry points of a variant and makes all other symbols local."""
    names, kept = directory / f"{variant}.names", directory / f"{variant}.kept"
    renamed = {name: entry(variant, index) for index, name in enumerate(functions)}
    # objcopy cannot make GNU's unique symbols local: the static variables of inline functions.
    unique = [name for name, kind in symbols(target, "--defined-only", "--extern-only") if kind == "u"]
    renamed |= {name: f"shimmy_cpu_{variant}_unique_{index}" for index, name in enumerate(unique)}
    names.write_text("".join(f"{old} {new}\n" for old, new in renamed.items()))
    kept.write_text("".join(f"{name}\n" for name in [*(entry(variant, index) for index in range(len(functions))), *data]))
    subprocess.run(["objcopy", f"--redefine-syms={names}", target], check=True)
    subprocess.run(["objcopy", f"--keep-global-symbols={kept}", target], check=True)


def entry(variant: str, index: int) -> str:
    return f"shimmy_cpu_{variant}_{index}"


def dispatcher(variants: list[str], functions: list[str], directory: Path) -> Path:
    """Compiles the jump table."""
    source, target = directory / "cpu-dispatch.c", directory / "cpu-dispatch.o"
    source.write_text(dispatcher_source(variants, functions))
    compiler = shutil.which("cc") or "gcc"
    subprocess.run([compiler, "-O2", "-fPIC", "-Wall", "-Werror", "-c", source, "-o", target], check=True)
    return target


def dispatcher_source(variants: list[str], functions: list[str]) -> str:
    lines = ["/* Written by scripts/cpu_variants.py. */", "#include <cpuid.h>", "#include <stdlib.h>", "#include <string.h>", ""]
    lines += [f"extern void {entry(variant, index)}(void);" for variant in variants for index in range(len(functions))]
    lines += ["", "typedef void (*function)(void);", f"__attribute__((visibility(\"hidden\"))) function shimmy_cpu_table[{len(functions)}];", ""]
    for variant in variants:
        entries = ", ".join(entry(variant, index) for index in range(len(functions)))
        lines.append(f"static const function {variant}[] = {{{entries}}};")
    lines += [
        "",
        "static int has(unsigned leaf, unsigned subleaf, int reg, int bit) {",
        "    unsigned r[4] = {0, 0, 0, 0};",
        "    return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);",
        "}",
        "",
        "/* Runs before the constructors of C++ objects, which may call the backend. */",
        "__attribute__((constructor(101))) static void choose(void) {",
        "    __builtin_cpu_init();",
        f"    memcpy(shimmy_cpu_table, {variants[0]}, sizeof shimmy_cpu_table);",
    ]
    for variant in variants[1:]:
        features = VARIANTS[variant][1]
        condition = " && ".join(
            f"has({', '.join(map(str, CPUID[name]))})" if name in CPUID else f"__builtin_cpu_supports(\"{name}\")" for name in features)
        lines.append(f"    if ({condition}) memcpy(shimmy_cpu_table, {variant}, sizeof shimmy_cpu_table);")
    lines += ["}", ""]
    for index, name in enumerate(functions):
        lines.append(
            f'__asm__(".text\\n.globl {name}\\n.type {name},@function\\n{name}:\\n endbr64\\n jmp *shimmy_cpu_table+{8 * index}(%rip)\\n'
            f'.size {name},.-{name}\\n");')
    return "\n".join(lines) + "\n"
