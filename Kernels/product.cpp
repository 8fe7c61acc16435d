// All threads quantize rows of activations. Then each thread takes panels of weights and multiplies them by all rows.

#include "product.h"

#include "packed_weights.h"
#include "registry.h"

#include "ggml-cpu-impl.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

namespace shimmy {

namespace {

// Returns the number of panels in a share of the work. Shares are so large that prefetching seldom crosses their end.
int64_t panelsOfShare(const PackedWeights & weights, int threads) {
    constexpr size_t large = 256 << 10;
    int64_t atLeast = std::min<int64_t>(weights.panels() / threads, int64_t(large / weights.panelBytes()));
    return std::max<int64_t>({1, weights.panels() / (threads * 8), atLeast});
}

// The division of a matrix's panels among threads. Each thread processes a run of its own from the start, so that it prefetches the panels
// that it needs next. A thread that has finished its run helps the others, because threads do not run equally fast.
struct Runs {
    struct alignas(64) Counter {
        std::atomic<int64_t> next;
    };

    Counter * counters;  // one for each thread, in the work buffer
    int64_t panels, share;
    int threads;

    static size_t bytes(int threads) { return size_t(threads) * sizeof(Counter); }

    Runs(uint8_t * work, const PackedWeights & weights, int threads, int64_t rows) : counters((Counter *) work), panels(weights.panels()), threads(threads) {
        // With many rows a share is read several times, so it has to fit into the cache. With few rows it is read once, and small shares let all
        // threads finish at about the same time.
        const size_t size = rows > 8 ? 256 << 10 : 64 << 10;
        share = std::max<int64_t>(1, std::min<int64_t>(panels / threads, int64_t(size / weights.panelBytes())));
    }

    int64_t start(int run) const { return panels * run / threads; }

    // Resets the thread's own run. No thread may call `pass` before all threads have passed a barrier.
    void open(int thread) { counters[thread].next.store(0, std::memory_order_relaxed); }

    template <class Body> void pass(int thread, Body body) {
        for (int i = 0; i < threads; i++) {
            const int run = (thread + i) % threads;
            const int64_t end = start(run + 1);
            for (int64_t first; (first = start(run) + share * counters[run].next.fetch_add(1, std::memory_order_relaxed)) < end;) {
                body(first, std::min(first + share, end));
            }
        }
    }
};

// The number of activation rows that are multiplied by a share's panels before the next rows. They fit into the cache.
constexpr int64_t rowsOfBlock = 64;

// Returns the number of rows in the next tile, given the number of remaining rows.
int tileFor(int64_t rest, int widest) {
    if (rest >= widest) return widest;
    if (rest > 4) return rest == 6 ? 3 : 4;
    return int(rest);
}

// Evenly spaced rows of activations, in the format's input layout.
struct ActivationRows {
    const uint8_t * data;
    size_t rowBytes;  // bytes between two rows
    int64_t count;
};

// Evenly spaced rows of results, which are written in place.
struct EvenResults {
    float * data;
    size_t stride;  // floats

    float * operator()(int64_t row) const { return data + size_t(row) * stride; }
};

// Returns whether all rows of a tensor are evenly spaced.
bool isEven(const ggml_tensor * t) {
    return t->nb[1] % sizeof(float) == 0 && (t->ne[2] == 1 || t->nb[2] == size_t(t->ne[1]) * t->nb[1]) && (t->ne[3] == 1 || t->nb[3] == size_t(t->ne[2]) * t->nb[2]);
}

// Multiplies the panels from `first` to `last` by rows of activations. `target(row)` returns the address of a row's results.
template <class Target>
void multiplyPanels(const PackedWeights & weights, const uint8_t * matrix, int64_t first, int64_t last, const ActivationRows & rows, Target target) {
    constexpr bool isInPlace = std::is_same_v<Target, EvenResults>;
    const int64_t count = rows.count;
    alignas(64) float results[8 * panelRows];
    for (int64_t block = 0; block < count; block += rowsOfBlock) {
        const int64_t end = std::min(count, block + rowsOfBlock);
        for (int64_t p = first; p < last; p++) {
            const uint8_t * panel = matrix + size_t(p) * weights.panelBytes();
            const size_t valid = size_t(std::min<int64_t>(panelRows, weights.rows - p * panelRows));
            for (int64_t row = block; row < end;) {
                int tile = tileFor(end - row, weights.format->widestTile);
                PanelProduct product = {panel, panel + weights.quantBytes(), rows.data + size_t(row) * rows.rowBytes, rows.rowBytes, int(weights.width), results, panelRows};
                if constexpr (isInPlace) {
                    if (valid == panelRows) {
                        product.out = target(row) + p * panelRows;
                        product.outStride = target.stride;
                    }
                }
                weights.format->multiply[tile](product);
                if (product.out == results) {
                    for (int n = 0; n < tile; n++) memcpy(target(row + n) + p * panelRows, results + n * panelRows, valid * sizeof(float));
                }
                row += tile;
            }
        }
    }
}

uint8_t * aligned(void * p) { return (uint8_t *) ((uintptr_t(p) + 63) / 64 * 64); }

// MUL_MAT: one matrix, any number of rows.
struct PlainProduct {
    static size_t workSize(const ggml_tensor * op, int threads) {
        const ggml_tensor * x = op->src[1];
        return 64 + Runs::bytes(threads) + size_t(ggml_nrows(x)) * PackedWeights(op->src[0]).rowBytes();
    }

    static void compute(const ggml_compute_params * params, ggml_tensor * op) {
        const ggml_tensor * x = op->src[1];
        const PackedWeights weights(op->src[0]);
        const int64_t count = ggml_nrows(x);
        Runs runs(aligned(params->wdata), weights, params->nth, count);
        uint8_t * quantized = aligned(params->wdata) + Runs::bytes(params->nth);
        const size_t rowBytes = weights.rowBytes();
        auto place = [](const ggml_tensor * t, int64_t row) {
            int64_t i1 = row % t->ne[1], i2 = row / t->ne[1] % t->ne[2], i3 = row / (t->ne[1] * t->ne[2]);
            return (float *) ((char *) t->data + size_t(i1) * t->nb[1] + size_t(i2) * t->nb[2] + size_t(i3) * t->nb[3]);
        };
        runs.open(params->ith);
        ActivationRows rows = {quantized, rowBytes, count};
        if (weights.format->takesRowsAsTheyAre && isEven(x)) {
            rows.data = (const uint8_t *) x->data;
            rows.rowBytes = x->nb[1];
        } else {
            for (int64_t row = params->ith; row < count; row += params->nth) {
                weights.format->quantize(place(x, row), int(weights.width), quantized + size_t(row) * rowBytes);
            }
        }
        ggml_barrier(params->threadpool);
        const uint8_t * matrix = (const uint8_t *) op->src[0]->data;
        runs.pass(params->ith, [&](int64_t first, int64_t last) {
            if (isEven(op)) {
                multiplyPanels(weights, matrix, first, last, rows, EvenResults{(float *) op->data, op->nb[1] / sizeof(float)});
            } else {
                multiplyPanels(weights, matrix, first, last, rows, [&](int64_t row) { return place(op, row); });
            }
        });
    }
};

// MUL_MAT_ID: one matrix per expert; each row of `ids` contains the experts of a token.
struct ExpertProduct {
    // A token and the index of an expert in its list.
    struct Route {
        int32_t token, place;
    };

    const ggml_tensor * op;
    int64_t tokens, places, experts;
    int32_t * starts;  // the index of each expert's first route, and the number of routes
    Route * routes;    // sorted by expert
    uint8_t * quantized;

    ExpertProduct(const ggml_compute_params * params, const ggml_tensor * op)
        : op(op), tokens(op->src[2]->ne[1]), places(op->src[2]->ne[0]), experts(op->src[0]->ne[2]) {
        uint8_t * work = aligned(params->wdata);
        starts = (int32_t *) work;
        routes = (Route *) (work + startBytes(experts));
        quantized = work + startBytes(experts) + routeBytes(tokens * places);
    }

    static size_t startBytes(int64_t experts) { return (size_t(experts + 1) * sizeof(int32_t) + 63) / 64 * 64; }
    static size_t routeBytes(int64_t count) { return (size_t(count) * sizeof(Route) + 63) / 64 * 64; }
    static size_t workSize(const ggml_tensor * op) {
        const int64_t count = ggml_nelements(op->src[2]);
        return 64 + startBytes(op->src[0]->ne[2]) + routeBytes(count) + size_t(count) * PackedWeights(op->src[0]).rowBytes();
    }

    int32_t expertOf(int64_t token, int64_t place) const {
        return *(const int32_t *) ((const char *) op->src[2]->data + size_t(token) * op->src[2]->nb[1] + size_t(place) * op->src[2]->nb[0]);
    }

    // Sorts the routes by expert. Only one thread calls it, because the result is the same for all.
    void sortRoutes() {
        memset(starts, 0, size_t(experts + 1) * sizeof(int32_t));
        for (int64_t t = 0; t < tokens; t++) {
            for (int64_t p = 0; p < places; p++) {
                const int32_t expert = expertOf(t, p);
                GGML_ASSERT(expert >= 0 && expert < experts);
                starts[expert + 1]++;
            }
        }
        for (int64_t e = 0; e < experts; e++) starts[e + 1] += starts[e];
        // Filling advances each start to the next expert's start. The loop below shifts them back.
        for (int64_t t = 0; t < tokens; t++) {
            for (int64_t p = 0; p < places; p++) routes[starts[expertOf(t, p)]++] = {int32_t(t), int32_t(p)};
        }
        for (int64_t e = experts; e > 0; e--) starts[e] = starts[e - 1];
        starts[0] = 0;
    }

    void compute(const ggml_compute_params * params) {
        const ggml_tensor * x = op->src[1];
        const PackedWeights weights(op->src[0]);
        const size_t rowBytes = weights.rowBytes();
        if (params->ith == 0) {
            sortRoutes();
            ggml_threadpool_chunk_set(params->threadpool, 0);
        }
        ggml_barrier(params->threadpool);
        for (int64_t i = params->ith; i < tokens * places; i += params->nth) {
            const Route route = routes[i];
            const char * row = (const char *) x->data + size_t(route.place % x->ne[1]) * x->nb[1] + size_t(route.token) * x->nb[2];
            weights.format->quantize((const float *) row, int(weights.width), quantized + size_t(i) * rowBytes);
        }
        ggml_barrier(params->threadpool);
        const int64_t share = panelsOfShare(weights, params->nth);
        const int64_t shares = (weights.panels() + share - 1) / share;
        for (int64_t s; (s = ggml_threadpool_chunk_add(params->threadpool, 1)) < shares * experts;) {
            const int64_t expert = s / shares, first = s % shares * share, from = starts[expert];
            const uint8_t * matrix = (const uint8_t *) op->src[0]->data + size_t(expert) * weights.matrixBytes();
            const ActivationRows rows = {quantized + size_t(from) * rowBytes, rowBytes, starts[expert + 1] - from};
            multiplyPanels(weights, matrix, first, std::min(first + share, weights.panels()), rows, [&](int64_t row) {
                const Route route = routes[from + row];
                return (float *) ((char *) op->data + size_t(route.place) * op->nb[1] + size_t(route.token) * op->nb[2]);
            });
        }
    }
};

struct Traits : ggml::cpu::tensor_traits {
    bool work_size(int threads, const ggml_tensor * op, size_t & size) override {
        size = op->op == GGML_OP_MUL_MAT_ID ? ExpertProduct::workSize(op) : PlainProduct::workSize(op, threads);
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        if (op->op == GGML_OP_MUL_MAT_ID) {
            ExpertProduct(params, op).compute(params);
        } else {
            PlainProduct::compute(params, op);
        }
        return true;
    }
};

}  // namespace

bool canMultiply(const ggml_tensor * op) {
    const ggml_tensor * weights = op->src[0], * x = op->src[1];
    if (op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_MUL_MAT_ID) return false;
    if (!PackedWeights(weights).isPacked() || x->type != GGML_TYPE_F32 || x->nb[0] != sizeof(float)) return false;
    return op->op == GGML_OP_MUL_MAT ? weights->ne[2] == 1 : x->ne[3] == 1;
}

ggml::cpu::tensor_traits * productTraits() {
    static Traits traits;
    return &traits;
}

}  // namespace shimmy
