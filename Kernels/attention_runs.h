// Attention of many tokens, as in a prefill. A thread takes a run of tokens and one head of the cache, and computes all of it.

#pragma once

#include "attention_turns.h"

#include "ggml-cpu-impl.h"

namespace shimmy {

class AttentionRuns {
public:
    static size_t bytes(const Shape & shape, int threads) {
        Arena arena{nullptr}, own{nullptr};
        const CellOrder none({}, 0);
        Visibility visibility(shape, none, arena);
        Run(shape, *kernels()->attention, visibility, mostTokens(shape), own);
        return arena.used + size_t(threads) * own.used;
    }

    static void compute(const Shape & shape, const CellOrder & order, const ggml_compute_params * params, Arena arena) {
        const AttentionKernels & kernels = *shimmy::kernels()->attention;
        Visibility visibility(shape, order, arena);
        visibility.find(kernels, params->ith, params->nth);
        if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, 0);
        ggml_barrier(params->threadpool);
        const int64_t size = tokensOfRun(shape, params->nth), runs = (shape.tokens + size - 1) / size;
        Arena count{nullptr};
        Run(shape, kernels, visibility, size, count);
        Arena own{arena.base + arena.used + size_t(params->ith) * count.used};
        Run run(shape, kernels, visibility, size, own);
        // Later tokens see more cells. Their runs start first, so that no thread is still busy with the longest run after the others finish.
        for (int64_t i; (i = ggml_threadpool_chunk_add(params->threadpool, 1)) < runs * shape.headsOfCache;) {
            const int64_t first = (runs - 1 - i / shape.headsOfCache) * size;
            run.compute(i % shape.headsOfCache, first, std::min(first + size, shape.tokens));
        }
    }

private:
    // The max number of rows in a run, unless one token has more. The sums of that many rows fit into the L2 cache.
    static constexpr int64_t rowsOfRun = 48;

    static int64_t mostTokens(const Shape & shape) { return std::min(shape.tokens, std::max<int64_t>(1, rowsOfRun / shape.group)); }

    // Returns the number of tokens per run: small enough that all threads get about the same amount of work.
    static int64_t tokensOfRun(const Shape & shape, int threads) {
        auto idle = [&](int64_t size) {
            const int64_t units = shape.headsOfCache * ((shape.tokens + size - 1) / size), rounds = (units + threads - 1) / threads;
            return double(rounds * threads - units) / double(rounds * threads);
        };
        int64_t count = mostTokens(shape);
        while (count > 1 && idle(count) > 0.15) count = (count + 1) / 2;
        return count;
    }

    // One thread's memory and computation for a run. A row is one query head of one token.
    struct Run {
        const Shape & shape;
        const AttentionKernels & kernels;
        Turns turns;
        int64_t head = 0, rows = 0;
        // One per row
        float * queries, * outs, * tops, * sums;
        // Used within one turn
        float * keys, * values, * scores, * corrections;
        const float ** queryRows;
        float ** outRows, ** sumRows;

        Run(const Shape & shape, const AttentionKernels & kernels, const Visibility & visibility, int64_t capacity, Arena & arena)
            : shape(shape), kernels(kernels), turns(shape, visibility, capacity, arena) {
            const int64_t n = capacity * shape.group;
            queries = arena.take<float>(n * shape.keyWidth);
            outs = arena.take<float>(n * shape.valueWidth);
            tops = arena.take<float>(n);
            sums = arena.take<float>(n);
            keys = arena.take<float>(shape.keyWidth * tileCells);
            values = arena.take<float>(shape.valueWidth * tileCells);
            scores = arena.take<float>(n * tileCells);
            corrections = arena.take<float>(n);
            queryRows = arena.take<const float *>(n);
            outRows = arena.take<float *>(n);
            sumRows = arena.take<float *>(n);
        }

        int64_t headOf(int64_t row) const { return head * shape.group + row % shape.group; }

        void compute(int64_t ofHead, int64_t first, int64_t last) {
            head = ofHead;
            rows = (last - first) * shape.group;
            for (int64_t r = 0; r < rows; r++) shape.scaleQuery(first + r / shape.group, headOf(r), queries + r * shape.keyWidth);
            std::fill_n(tops, rows, -INFINITY);
            std::fill_n(sums, rows, 0.0f);
            std::fill_n(outs, rows * shape.valueWidth, 0.0f);
            turns.each(first, last, [&](const Turn & turn) { take(turn); });
            for (int64_t r = 0; r < rows; r++) {
                const float share = shape.share(kernels, headOf(r), tops[r], sums[r]);
                float * result = shape.result(first + r / shape.group, headOf(r));
                for (int64_t d = 0; d < shape.valueWidth; d++) result[d] = outs[r * shape.valueWidth + d] * share;
            }
        }

        void take(const Turn & turn) {
            const void * keyRows[tileCells], * valueRows[tileCells];
            for (int i = 0; i < tileCells; i++) {
                keyRows[i] = turn.cells[i] < 0 ? nullptr : shape.key(turn.cells[i], head);
                valueRows[i] = turn.cells[i] < 0 ? nullptr : shape.value(turn.cells[i], head);
            }
            const int64_t taking = turn.count * shape.group;
            for (int64_t i = 0; i < taking; i++) {
                const int64_t r = turn.tokens[i / shape.group] * shape.group + i % shape.group;
                queryRows[i] = queries + r * shape.keyWidth;
                outRows[i] = outs + r * shape.valueWidth;
                sumRows[i] = sums + r;
            }
            kernels.score[typeOf(shape.k)](keyRows, int(shape.keyWidth), keys, queryRows, int(taking), scores);
            for (int64_t i = 0; i < taking; i++) {
                const int64_t r = turn.tokens[i / shape.group] * shape.group + i % shape.group;
                corrections[i] = kernels.weigh(scores + i * tileCells, turn.masks[i / shape.group], shape.terms(headOf(r)), tops[r]);
            }
            kernels.accumulate[typeOf(shape.v)](valueRows, int(shape.valueWidth), values, scores, corrections, outRows, sumRows, int(taking));
        }
    };
};

}  // namespace shimmy
