// Attention of few tokens, as in a step of decoding: first the threads share out the turns and compute all weights of a turn, so that the
// keys of neighbouring cells pass together; then they share out the columns of the values.

#pragma once

#include "attention_turns.h"

#include "ggml-cpu-impl.h"

namespace shimmy {

class AttentionSteps {
public:
    // All weights lie in memory between the two parts; with more tokens than these there is enough to share out by runs.
    static bool isFor(const Shape & shape) {
        constexpr int64_t most = 8 << 20;
        return shape.tokens <= 16 && shape.tokens * shape.tiles * tileCells * shape.heads * int64_t(sizeof(float)) <= most;
    }

    static size_t bytes(const Shape & shape, int threads) {
        Arena arena{nullptr}, own{nullptr};
        const CellOrder none({}, 0);
        AttentionSteps steps(shape, none, arena);
        Scratch scratch(shape, own);
        return arena.used + size_t(threads) * own.used;
    }

    static void compute(const Shape & shape, const CellOrder & order, const ggml_compute_params * params, Arena arena) {
        AttentionSteps steps(shape, order, arena);
        Arena count{nullptr};
        Scratch none(shape, count);
        Arena own{arena.base + arena.used + size_t(params->ith) * count.used};
        Scratch scratch(shape, own);
        steps.visibility.find(steps.kernels, params->ith, params->nth);
        steps.scaleQueries(params->ith, params->nth);
        ggml_barrier(params->threadpool);
        if (params->ith == 0) {
            steps.record();
            ggml_threadpool_chunk_set(params->threadpool, 0);
        }
        ggml_barrier(params->threadpool);
        // Neighbouring turns to one thread: it reads the keys in a row.
        const int64_t turns = *steps.turnCount, share = std::max<int64_t>(1, turns / (params->nth * 4));
        for (int64_t s; (s = ggml_threadpool_chunk_add(params->threadpool, 1)) * share < turns;) {
            for (int64_t i = s * share; i < std::min((s + 1) * share, turns); i++) steps.weigh(steps.recorded[i], scratch);
        }
        ggml_barrier(params->threadpool);
        steps.accumulate(params->ith, params->nth, scratch);
    }

private:
    struct Recorded {
        int32_t cells[tileCells];
        int32_t first, count;  // of the entries
    };

    // A token's part in a turn.
    struct Entry {
        int32_t token;
        bool isMasked;
        uint16_t mask[tileCells];
    };

    // One thread's own memory.
    struct Scratch {
        float * keys, * values, * weights, * outs, * tops, * sums, * corrections;
        const float ** queryRows;
        float ** outRows, ** sumRows;

        Scratch(const Shape & shape, Arena & arena) {
            const int64_t n = shape.tokens * shape.group;
            keys = arena.take<float>(shape.keyWidth * tileCells);
            values = arena.take<float>(widestPart * tileCells);
            weights = arena.take<float>(n * tileCells);
            outs = arena.take<float>(n * widestPart);
            tops = arena.take<float>(n);
            sums = arena.take<float>(n);
            corrections = arena.take<float>(n);
            queryRows = arena.take<const float *>(n);
            outRows = arena.take<float *>(n);
            sumRows = arena.take<float *>(n);
        }
    };

    static constexpr int64_t widestPart = 64;

    const Shape & shape;
    const AttentionKernels & kernels;
    Visibility visibility;
    Turns turns;
    float * queries;  // by head, then token
    float * weights;  // by turn, head of the cache, entry and row
    float * tops;     // as the weights, one for each row
    Recorded * recorded;
    Entry * entries;
    int64_t * turnCount;

    AttentionSteps(const Shape & shape, const CellOrder & order, Arena & arena)
        : shape(shape), kernels(*shimmy::kernels()->attention), visibility(shape, order, arena), turns(shape, visibility, shape.tokens, arena) {
        // A turn of gathered cells ends at least one tile for its token.
        const int64_t mostEntries = shape.tokens * shape.tiles, mostTurns = mostEntries + shape.tiles;
        queries = arena.take<float>(shape.tokens * shape.heads * shape.keyWidth);
        weights = arena.take<float>(mostEntries * shape.heads * tileCells);
        tops = arena.take<float>(mostEntries * shape.heads);
        recorded = arena.take<Recorded>(mostTurns);
        entries = arena.take<Entry>(mostEntries);
        turnCount = arena.take<int64_t>(1);
    }

    void scaleQueries(int thread, int threads) {
        for (int64_t i = thread; i < shape.tokens * shape.heads; i += threads) {
            shape.scaleQuery(i % shape.tokens, i / shape.tokens, queries + i * shape.keyWidth);
        }
    }

    void record() {
        int64_t count = 0;
        int32_t entry = 0;
        turns.each(0, shape.tokens, [&](const Turn & turn) {
            Recorded & to = recorded[count++];
            memcpy(to.cells, turn.cells, sizeof to.cells);
            to.first = entry;
            to.count = int32_t(turn.count);
            for (int64_t i = 0; i < turn.count; i++, entry++) {
                entries[entry].token = turn.tokens[i];
                entries[entry].isMasked = turn.masks[i] != nullptr;
                if (turn.masks[i]) memcpy(entries[entry].mask, turn.masks[i], sizeof entries[entry].mask);
            }
        });
        *turnCount = count;
    }

    // The place of a turn's first row for one head of the cache, in rows.
    int64_t rowsBefore(const Recorded & turn, int64_t head) const { return (turn.first * shape.headsOfCache + turn.count * head) * shape.group; }

    void weigh(const Recorded & turn, const Scratch & scratch) {
        const void * rows[tileCells];
        for (int64_t head = 0; head < shape.headsOfCache; head++) {
            for (int i = 0; i < tileCells; i++) rows[i] = turn.cells[i] < 0 ? nullptr : shape.key(turn.cells[i], head);
            kernels.loadKeys[typeOf(shape.k)](rows, int(shape.keyWidth), scratch.keys);
            const int64_t count = turn.count * shape.group, first = rowsBefore(turn, head);
            for (int64_t i = 0; i < count; i++) {
                const int64_t of = head * shape.group + i % shape.group, token = entries[turn.first + i / shape.group].token;
                scratch.queryRows[i] = queries + (of * shape.tokens + token) * shape.keyWidth;
            }
            kernels.score(scratch.keys, int(shape.keyWidth), scratch.queryRows, int(count), weights + first * tileCells);
            for (int64_t i = 0; i < count; i++) {
                const Entry & entry = entries[turn.first + i / shape.group];
                tops[first + i] = -INFINITY;
                kernels.weigh(weights + (first + i) * tileCells, entry.isMasked ? entry.mask : nullptr, shape.terms(head * shape.group + i % shape.group), tops[first + i]);
            }
        }
    }

    // Values are read a cache line of a cell at a time, or two where that leaves enough parts for all threads.
    void accumulate(int thread, int threads, const Scratch & scratch) {
        const int64_t wide = (shape.valueWidth + widestPart - 1) / widestPart * shape.headsOfCache;
        const int64_t width = wide % threads == 0 ? widestPart : widestPart / 2;
        const int64_t parts = (shape.valueWidth + width - 1) / width;
        for (int64_t i = thread; i < parts * shape.headsOfCache; i += threads) {
            const int64_t first = i % parts * width;
            accumulate(i / parts, first, std::min(width, shape.valueWidth - first), scratch);
        }
    }

    // One head's columns from `first` on, of all tokens.
    void accumulate(int64_t head, int64_t first, int64_t width, const Scratch & scratch) {
        const int64_t rows = shape.tokens * shape.group;
        std::fill_n(scratch.tops, rows, -INFINITY);
        std::fill_n(scratch.sums, rows, 0.0f);
        std::fill_n(scratch.outs, rows * width, 0.0f);
        const size_t offset = ggml_row_size(shape.v->type, first);
        for (int64_t i = 0; i < *turnCount; i++) {
            if (i + 1 < *turnCount) fetch(recorded[i + 1], head, offset);
            take(recorded[i], head, offset, width, scratch);
        }
        for (int64_t r = 0; r < rows; r++) {
            const int64_t of = head * shape.group + r % shape.group;
            const float share = shape.share(kernels, of, scratch.tops[r], scratch.sums[r]);
            float * result = shape.result(r / shape.group, of) + first;
            for (int64_t d = 0; d < width; d++) result[d] = scratch.outs[r * width + d] * share;
        }
    }

    // Asks for the next turn's values: they lie too far apart for the processor to guess them.
    void fetch(const Recorded & turn, int64_t head, size_t offset) const {
        for (int i = 0; i < tileCells; i++) {
            if (turn.cells[i] >= 0) __builtin_prefetch((const char *) shape.value(turn.cells[i], head) + offset);
        }
    }

    void take(const Recorded & turn, int64_t head, size_t offset, int64_t width, const Scratch & scratch) {
        const void * cells[tileCells];
        for (int i = 0; i < tileCells; i++) cells[i] = turn.cells[i] < 0 ? nullptr : (const char *) shape.value(turn.cells[i], head) + offset;
        kernels.loadValues[typeOf(shape.v)](cells, int(width), scratch.values);
        const int64_t count = turn.count * shape.group, before = rowsBefore(turn, head);
        for (int64_t i = 0; i < count; i++) {
            const int64_t r = entries[turn.first + i / shape.group].token * shape.group + i % shape.group;
            const float top = tops[before + i], old = scratch.tops[r];
            // One of the two sums is brought down to the other's power of two, which is exact.
            scratch.corrections[i] = top <= old ? 1 : old == -INFINITY ? 0 : kernels.power(old - top);
            kernels.rescale(weights + (before + i) * tileCells, top < old ? kernels.power(top - old) : 1, scratch.weights + i * tileCells);
            scratch.tops[r] = std::max(top, old);
            scratch.outRows[i] = scratch.outs + r * width;
            scratch.sumRows[i] = scratch.sums + r;
        }
        kernels.accumulate(scratch.values, int(width), scratch.weights, scratch.corrections, scratch.outRows, scratch.sumRows, int(count));
    }
};

}  // namespace shimmy
