// Times llama.cpp on one model, with Shimmy's kernels or without, and prints numbers as JSON.
//
//   model run MODEL on|off CONTEXT      load, prefill of 256 tokens, decoding of 1 to 32 sequences; with CONTEXT tokens in common
//   model quantize FROM TO TYPE [pure]  writes FROM in another format

#include "llama.h"
#include "shimmy_kernels.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Run {
    llama_context * context;
    llama_batch batch = llama_batch_init(512, 0, 1);
    int salt = 0;

    void add(int position, int sequence, bool outputs) {
        int i = batch.n_tokens++;
        batch.token[i] = 100 + (++salt * 7919) % 40000;
        batch.pos[i] = position;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = sequence;
        batch.logits[i] = outputs;
    }

    double decode() {
        auto start = Clock::now();
        if (llama_decode(context, batch) != 0) {
            fprintf(stderr, "llama_decode failed\n");
            exit(1);
        }
        llama_synchronize(context);
        batch.n_tokens = 0;
        return secondsSince(start);
    }

    double prefill(int count) {
        double seconds = 0;
        for (int i = 0; i < count;) {
            for (; i < count && batch.n_tokens < 512; i++) add(i, 0, i == count - 1);
            seconds += decode();
        }
        return seconds;
    }

    void clear() { llama_memory_clear(llama_get_memory(context), true); }
};

static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

// Memory that a virtual machine touches for the first time costs its host's time, more than loading does. It is touched before anything is
// timed, so that it does not matter who runs first; in large pages, since small ones that are given back do not become large ones at once.
static void touchMemory(const char * path) {
    FILE * file = fopen(path, "rb");
    if (!file) return;
    fseek(file, 0, SEEK_END);
    const size_t size = size_t(ftell(file)) * 3 / 2;
    fclose(file);
    constexpr size_t page = 2 << 20;
    auto * memory = (char *) aligned_alloc(page, (size + page - 1) / page * page);
    if (memory) madvise(memory, size, MADV_HUGEPAGE);
    if (memory) memset(memory, 1, size);
    volatile char last = memory ? memory[size - 1] : 0;
    (void) last;
    free(memory);
}

static int run(const char * path, bool kernels, int shared) {
    if (kernels) shimmy_kernels_install(shimmy_kernels_best());
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    touchMemory(path);
    auto start = Clock::now();
    llama_model * model = llama_model_load_from_file(path, llama_model_default_params());
    if (!model) return 1;
    printf("{\"load\": %.4f", secondsSince(start));
    auto parameters = llama_context_default_params();
    parameters.n_ctx = uint32_t(shared + 4096);
    parameters.n_batch = parameters.n_ubatch = 512;
    parameters.n_seq_max = 32;
    parameters.kv_unified = true;
    parameters.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
    parameters.n_threads = parameters.n_threads_batch = int(std::thread::hardware_concurrency());
    Run run{llama_init_from_model(model, parameters)};
    run.prefill(8);  // touches the weights, which llama.cpp may only have mapped so far
    printf(", \"first\": %.4f", secondsSince(start));
    run.clear();
    if (shared == 0) {
        std::vector<double> times;
        for (int i = 0; i < 3; i++) {
            times.push_back(run.prefill(256));
            run.clear();
        }
        printf(", \"prefill\": %.2f", 256 / median(times));
    } else {
        printf(", \"prefill\": %.2f", shared / run.prefill(shared));
        for (int s = 1; s < 32; s++) llama_memory_seq_cp(llama_get_memory(run.context), 0, s, -1, -1);
    }
    std::vector<int> positions(32, shared);
    for (int count : {1, 2, 4, 8, 16, 32}) {
        std::vector<double> times;
        for (int step = 0; step < (count > 8 ? 8 : 16); step++) {
            for (int s = 0; s < count; s++) run.add(positions[size_t(s)]++, s, true);
            times.push_back(run.decode());
        }
        printf(", \"decode %d\": %.2f", count, count / median(times));
    }
    printf("}\n");
    return 0;
}

int main(int count, char ** arguments) {
    if (count == 5 && !strcmp(arguments[1], "run")) return run(arguments[2], !strcmp(arguments[3], "on"), atoi(arguments[4]));
    if (count >= 5 && !strcmp(arguments[1], "quantize")) {
        auto parameters = llama_model_quantize_default_params();
        parameters.ftype = llama_ftype(atoi(arguments[4]));
        parameters.pure = count > 5;
        return int(llama_model_quantize(arguments[2], arguments[3], &parameters));
    }
    fprintf(stderr, "model run MODEL on|off CONTEXT | quantize FROM TO TYPE [pure]\n");
    return 2;
}
