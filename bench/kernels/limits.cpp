// Measures what the processor can do, and how near the products of panels come to it; prints numbers as JSON.
//
// Limits, on all cores at once: bytes read from memory, and sums of products of bytes, and of single-precision numbers, out of registers.
// Then for each format the product with one row out of memory (bytes of weights a second) and with eight rows out of the cache (operations
// a second). Everything is measured several times in turn, and the best counts: others use the machine too.

#include "kernel_table.h"
#include "registry.h"
#include "shimmy_kernels.h"

#include <immintrin.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

using namespace shimmy;
using Clock = std::chrono::steady_clock;

static const int cores = int(std::max(1u, std::thread::hardware_concurrency()));
static const size_t memory = size_t(384) << 20;
static uint8_t * weights;

// What was measured, with the shortest time of all rounds.
struct Measured {
    std::function<void(int)> body;  // of one core
    double seconds = 1e9;

    void again() {
        auto start = Clock::now();
        std::vector<std::thread> threads;
        for (int i = 0; i < cores; i++) threads.emplace_back([this, i] { onCore(i); });
        for (auto & thread : threads) thread.join();
        seconds = std::min(seconds, std::chrono::duration<double>(Clock::now() - start).count());
    }

private:
    // Two threads that begin on one core may stay there for longer than this takes.
    void onCore(int core) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        pthread_setaffinity_np(pthread_self(), sizeof set, &set);
        body(core);
    }
};

__attribute__((target("avx512f"))) static void readMemory(int thread) {
    const uint8_t * at = weights + memory / size_t(cores) * size_t(thread), * end = at + memory / size_t(cores) / 256 * 256;
    __m512i sums[4] = {};
    for (; at < end; at += 256) {
        for (int i = 0; i < 4; i++) sums[i] = _mm512_add_epi32(sums[i], _mm512_loadu_si512(at + 64 * i));
    }
    volatile int keep = _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3])));
    (void) keep;
}

constexpr int dots = 2000000;

__attribute__((target("avx512f,avx512vnni"))) static void multiplyBytes(int) {
    __m512i sums[12] = {}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    // Sums that begin alike would be one for the compiler, and a loop that is not unrolled keeps them in memory.
    for (auto & sum : sums) __asm__ volatile("" : "+v"(sum));
    for (int i = 0; i < dots; i++) {
#pragma GCC unroll 12
        for (int n = 0; n < 12; n++) sums[n] = _mm512_dpbusd_epi32(sums[n], a, b);
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
    for (int n = 1; n < 12; n++) sums[0] = _mm512_add_epi32(sums[0], sums[n]);
    volatile int keep = _mm512_reduce_add_epi32(sums[0]);
    (void) keep;
}

__attribute__((target("avx512f"))) static void multiplyFloats(int) {
    __m512 sums[12] = {}, a = _mm512_set1_ps(3), b = _mm512_set1_ps(5);
    for (auto & sum : sums) __asm__ volatile("" : "+v"(sum));
    for (int i = 0; i < dots; i++) {
#pragma GCC unroll 12
        for (int n = 0; n < 12; n++) sums[n] = _mm512_fmadd_ps(a, b, sums[n]);
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
    for (int n = 1; n < 12; n++) sums[0] = _mm512_add_ps(sums[0], sums[n]);
    volatile float keep = _mm512_reduce_add_ps(sums[0]);
    (void) keep;
}

// The product of one format: its panels fill the memory, and each core has its share of them.
struct Product {
    static constexpr int width = 2048, cached = 8, repeats = 400;

    const FormatKernels & format;
    const size_t blocks = size_t(width / format.blockWidth), quants = blocks * format.blockQuants;
    const size_t panel = (quants + blocks * format.blockScales + 63) / 64 * 64, rowBytes = format.rowBytes(width);
    const size_t panels = memory / panel / size_t(cores);
    std::vector<uint8_t> rows = std::vector<uint8_t>(8 * rowBytes + 64);
    const uint8_t * quantized = nullptr;
    Measured one, eight;

    explicit Product(const FormatKernels & format) : format(format) {
        auto * aligned = (uint8_t *) ((uintptr_t(rows.data()) + 63) / 64 * 64);
        std::vector<float> values(width);
        for (int k = 0; k < width; k++) values[size_t(k)] = float(k * 37 % 101 - 50);
        for (size_t n = 0; n < 8; n++) format.quantize(values.data(), width, aligned + n * rowBytes);
        quantized = aligned;
        one.body = [this](int core) {
            for (size_t p = 0; p < panels; p++) multiply(1, size_t(core) * panels + p);
        };
        eight.body = [this](int core) {
            for (int repeat = 0; repeat < repeats; repeat++) {
                for (size_t p = 0; p < cached; p++) multiply(8, size_t(core) * cached + p);
            }
        };
    }
    Product(const Product &) = delete;

    void multiply(int tile, size_t index) const {
        alignas(64) float out[8 * panelRows];
        const uint8_t * at = weights + index * panel;
        format.multiply[tile]({at, at + quants, quantized, rowBytes, width, out, panelRows});
    }

    void print() const {
        const double bytes = double(panel * panels) * cores, operations = 2.0 * 8 * panelRows * width * cached * repeats * cores;
        const bool whole = format.type != GGML_TYPE_F16 && format.type != GGML_TYPE_BF16;
        printf("\"%s\": {\"one\": %.2f, \"eight\": %.1f, \"bits\": %.3f, \"peak\": \"%s\"}", ggml_type_name(format.type), bytes / one.seconds / 1e9,
            operations / eight.seconds / 1e9, 8.0 * double(panel) / panelRows / width, whole ? "bytes" : "floats");
    }
};

int main() {
    if (!shimmy_kernels_supports(SHIMMY_INSTRUCTIONS_AVX512_VNNI)) return puts("{}") < 0;
    shimmy_kernels_install(SHIMMY_INSTRUCTIONS_AVX512_VNNI);
    weights = (uint8_t *) aligned_alloc(1 << 21, memory);
    madvise(weights, memory, MADV_HUGEPAGE);
    memset(weights, 0x31, memory);
    Measured reading{readMemory}, bytes{multiplyBytes}, floats{multiplyFloats};
    std::vector<std::unique_ptr<Product>> products;
    for (size_t i = 0; i < kernels()->count; i++) products.push_back(std::make_unique<Product>(kernels()->formats[i]));
    for (int round = 0; round < 16; round++) {
        for (auto * limit : {&reading, &bytes, &floats}) limit->again();
        for (auto & product : products) {
            product->one.again();
            product->eight.again();
        }
    }
    printf("{\"read\": %.2f, \"bytes\": %.1f, \"floats\": %.1f, \"formats\": {", double(memory) / reading.seconds / 1e9,
        12.0 * dots * cores * 128 / bytes.seconds / 1e9, 12.0 * dots * cores * 32 / floats.seconds / 1e9);
    for (auto & product : products) {
        if (&product != &products.front()) printf(", ");
        product->print();
    }
    printf("}}\n");
    return 0;
}
