// Measures what the processor can do, and how near the products of panels come to it; prints numbers as JSON.
//
// Limits, on all cores at once: bytes read from memory, and sums of products of bytes out of registers. Then for each format the product
// with one row out of memory (bytes of weights a second) and with eight rows out of the cache (operations a second).

#include "kernel_table.h"
#include "registry.h"
#include "shimmy_kernels.h"

#include <immintrin.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

using namespace shimmy;
using Clock = std::chrono::steady_clock;

static const int cores = int(std::max(1u, std::thread::hardware_concurrency()));
static const size_t memory = size_t(384) << 20;
static uint8_t * weights;

// The best of some rounds: others use the machine too.
static double seconds(int rounds, const std::function<void(int)> & body) {
    double best = 1e9;
    for (int round = 0; round < rounds; round++) {
        auto start = Clock::now();
        std::vector<std::thread> threads;
        for (int i = 1; i < cores; i++) threads.emplace_back(body, i);
        body(0);
        for (auto & thread : threads) thread.join();
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
}

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
    for (int i = 0; i < dots; i++) {
        for (int n = 0; n < 12; n++) sums[n] = _mm512_dpbusd_epi32(sums[n], a, b);
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
    for (int n = 1; n < 12; n++) sums[0] = _mm512_add_epi32(sums[0], sums[n]);
    volatile int keep = _mm512_reduce_add_epi32(sums[0]);
    (void) keep;
}

int main() {
    if (!shimmy_kernels_supports(SHIMMY_INSTRUCTIONS_AVX512_VNNI)) return puts("{}") < 0;
    shimmy_kernels_install(SHIMMY_INSTRUCTIONS_AVX512_VNNI);
    weights = (uint8_t *) aligned_alloc(1 << 21, memory);
    madvise(weights, memory, MADV_HUGEPAGE);
    memset(weights, 0x31, memory);
    const double read = double(memory) / seconds(12, readMemory) / 1e9;
    const double peak = 12.0 * dots * cores * 128 / seconds(8, multiplyBytes) / 1e9;
    printf("{\"read\": %.2f, \"peak\": %.1f, \"formats\": {", read, peak);
    const int width = 2048;
    for (size_t i = 0; i < kernels()->count; i++) {
        const FormatKernels & format = kernels()->formats[i];
        const size_t blocks = size_t(width / format.blockWidth), quants = blocks * format.blockQuants;
        const size_t panel = (quants + blocks * format.blockScales + 63) / 64 * 64, rowBytes = format.rowBytes(width);
        const size_t panels = memory / panel / size_t(cores);
        std::vector<uint8_t> rows(8 * rowBytes + 64);
        auto * quantized = (uint8_t *) ((uintptr_t(rows.data()) + 63) / 64 * 64);
        std::vector<float> values(width);
        for (int k = 0; k < width; k++) values[size_t(k)] = float(k * 37 % 101 - 50);
        for (size_t n = 0; n < 8; n++) format.quantize(values.data(), width, quantized + n * rowBytes);
        auto multiply = [&](int tile, const uint8_t * at) {
            alignas(64) float out[8 * panelRows];
            format.multiply[tile]({at, at + quants, quantized, rowBytes, width, out, panelRows});
        };
        const double one = seconds(6, [&](int thread) {
            for (size_t p = 0; p < panels; p++) multiply(1, weights + (size_t(thread) * panels + p) * panel);
        });
        const int repeats = 400;
        const double eight = seconds(6, [&](int thread) {
            for (int repeat = 0; repeat < repeats; repeat++) {
                for (size_t p = 0; p < 8; p++) multiply(8, weights + (size_t(thread) * 8 + p) * panel);
            }
        });
        printf("%s\"%s\": {\"one\": %.2f, \"eight\": %.1f, \"bits\": %.3f}", i ? ", " : "", ggml_type_name(format.type),
            double(panel * panels) * cores / one / 1e9, 2.0 * 8 * panelRows * width * 8 * repeats * cores / eight / 1e9,
            8.0 * double(panel) / panelRows / width);
    }
    printf("}}\n");
    return 0;
}
