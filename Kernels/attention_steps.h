// Attention of few tokens, as in a decoding step. The threads first divide the turns among them and compute all weights of a turn, so that
// the keys of neighboring cells are read together. Then they divide the columns of the values.

#pragma once

#include "attention_turns.h"

#include "ggml-cpu-impl.h"

namespace shimmy {

class AttentionSteps {
public:
    // Returns whether the operation is small enough for this method, which keeps all weights in memory between its two phases.
    // With more tokens, `AttentionRuns` has enough runs for all threads.
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
        // A thread gets neighboring turns, so that it reads the keys sequentially.
        const int64_t turns = *steps.turnCount, share = std::max<int64_t>(1, turns / (params->nth * 4));
        for (int64_t s; (s = ggml_threadpool_chunk_add(params->threadpool, 1)) * share < turns;) {
            for (int64_t i = s * share; i < std::min((s + 1) * share, turns); i++) steps.weigh(i, scratch);
        }
        ggml_barrier(params->threadpool);
        steps.accumulate(params->ith, params->nth, scratch);
    }

private:
    struct Recorded {
        int32_t cells[tileCells];
        int32_t first, count;  // range of the entries
    };

    // One token of a turn, with its mask.
    struct Entry {
        int32_t token;
        bool isMasked;
        uint16_t mask[tileCells];
    };

    // A range of columns of one head's values, with the sums of each row.
    struct Part {
        int64_t head, first, width;
        float * outs, * tops, * sums;
    };

    // One thread's own memory.
    struct Scratch {
        float * keys, * values, * weights, * outs, * tops, * sums, * corrections;
        Part * parts;
        const float ** queryRows;
        float ** outRows, ** sumRows;

        Scratch(const Shape & shape, Arena & arena) {
            const int64_t n = shape.tokens * shape.group, mostParts = shape.headsOfCache * linesOfHead(shape);
            keys = arena.take<float>(shape.keyWidth * tileCells);
            values = arena.take<float>(widestPart * tileCells);
            weights = arena.take<float>(n * tileCells);
            outs = arena.take<float>(n * mostParts * columnsOfLine);
            tops = arena.take<float>(n * mostParts);
            sums = arena.take<float>(n * mostParts);
            corrections = arena.take<float>(n);
            parts = arena.take<Part>(mostParts);
            queryRows = arena.take<const float *>(n);
            outRows = arena.take<float *>(n);
            sumRows = arena.take<float *>(n);
        }
    };

    // The max number of columns of a part, and the columns of one cache line (64 bytes) of half-precision values.
    static constexpr int64_t widestPart = 64, columnsOfLine = 32;

    static int64_t linesOfHead(const Shape & shape) { return (shape.valueWidth + columnsOfLine - 1) / columnsOfLine; }

    const Shape & shape;
    const AttentionKernels & kernels;
    Visibility visibility;
    Turns turns;
    float * queries;  // by head, then token
    float * weights;  // by turn, head of the cache, entry and row
    float * tops;     // in the order of the weights, one for each row
    Recorded * recorded;
    Entry * entries;
    int64_t * turnCount;

    AttentionSteps(const Shape & shape, const CellOrder & order, Arena & arena)
        : shape(shape), kernels(*shimmy::kernels()->attention), visibility(shape, order, arena), turns(shape, visibility, shape.tokens, arena) {
        // A turn of gathered cells completes at least one tile for its token.
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

    // Returns the index of a turn's first row for one head of the cache.
    int64_t rowsBefore(const Recorded & turn, int64_t head) const { return (turn.first * shape.headsOfCache + turn.count * head) * shape.group; }

    void weigh(int64_t index, const Scratch & scratch) {
        const Recorded & turn = recorded[index];
        const void * rows[tileCells];
        for (int64_t head = 0; head < shape.headsOfCache; head++) {
            fetchNext(index, shape.k, size_t(head) * shape.k->nb[2], shape.keyWidth);
            for (int i = 0; i < tileCells; i++) rows[i] = turn.cells[i] < 0 ? nullptr : shape.key(turn.cells[i], head);
            const int64_t count = turn.count * shape.group, first = rowsBefore(turn, head);
            for (int64_t i = 0; i < count; i++) {
                const int64_t of = head * shape.group + i % shape.group, token = entries[turn.first + i / shape.group].token;
                scratch.queryRows[i] = queries + (of * shape.tokens + token) * shape.keyWidth;
            }
            kernels.score[typeOf(shape.k)](rows, int(shape.keyWidth), scratch.keys, scratch.queryRows, int(count), weights + first * tileCells);
            for (int64_t i = 0; i < count; i++) {
                const Entry & entry = entries[turn.first + i / shape.group];
                tops[first + i] = -INFINITY;
                kernels.weigh(weights + (first + i) * tileCells, entry.isMasked ? entry.mask : nullptr, shape.terms(head * shape.group + i % shape.group), tops[first + i]);
            }
        }
    }

    // Sums the values of this thread's columns, which are adjacent, in one pass over the cells.
    void accumulate(int thread, int threads, const Scratch & scratch) {
        const int64_t count = shareOut(thread, threads, scratch);
        for (int64_t i = 0; i < *turnCount; i++) {
            for (int64_t p = 0; p < count; p++) {
                fetchNext(i, shape.v, offsetOf(scratch.parts[p]), scratch.parts[p].width);
                take(recorded[i], scratch.parts[p], scratch);
            }
        }
        for (int64_t p = 0; p < count; p++) finish(scratch.parts[p]);
    }

    // Returns the offset of a part's columns in a cell, in bytes.
    size_t offsetOf(const Part & part) const { return size_t(part.head) * shape.v->nb[2] + ggml_row_size(shape.v->type, part.first); }

    int64_t rows() const { return shape.tokens * shape.group; }

    // Makes the parts of a thread and returns their number. The unit of division is one cache line of columns, so that all threads get some.
    // A part then combines up to two lines.
    int64_t shareOut(int thread, int threads, const Scratch & scratch) const {
        const int64_t ofHead = linesOfHead(shape), lines = ofHead * shape.headsOfCache, end = lines * (thread + 1) / threads;
        float * outs = scratch.outs;
        int64_t count = 0;
        for (int64_t i = lines * thread / threads; i < end; count++) {
            const int64_t line = i % ofHead, taken = std::min({end - i, ofHead - line, widestPart / columnsOfLine});
            const int64_t first = line * columnsOfLine, width = std::min(taken * columnsOfLine, shape.valueWidth - first);
            scratch.parts[count] = {i / ofHead, first, width, outs, scratch.tops + count * rows(), scratch.sums + count * rows()};
            std::fill_n(scratch.tops + count * rows(), rows(), -INFINITY);
            std::fill_n(scratch.sums + count * rows(), rows(), 0.0f);
            std::fill_n(outs, rows() * width, 0.0f);
            outs += rows() * width;
            i += taken;
        }
        return count;
    }

    void finish(const Part & part) const {
        for (int64_t r = 0; r < rows(); r++) {
            const int64_t of = part.head * shape.group + r % shape.group;
            const float share = shape.share(kernels, of, part.tops[r], part.sums[r]);
            float * result = shape.result(r / shape.group, of) + part.first;
            for (int64_t d = 0; d < part.width; d++) result[d] = part.outs[r * part.width + d] * share;
        }
    }

    // Prefetches `width` columns of each cell of the next turn, because the hardware prefetcher does not predict them. Each head or part
    // prefetches its own columns into L2: larger prefetches, or prefetches into L1, delay the current computation.
    void fetchNext(int64_t index, const ggml_tensor * cache, size_t offset, int64_t width) const {
        if (index + 1 == *turnCount) return;
        const size_t count = ggml_row_size(cache->type, width);
        for (int32_t cell : recorded[index + 1].cells) {
            if (cell < 0) continue;
            const char * begin = (const char *) cache->data + size_t(cell) * cache->nb[1] + offset;
            for (size_t at = 0; at < count; at += 64) {
                __builtin_prefetch(begin + at, 0, 2);
                // Without this statement the compiler removes the loop, because it has no side effect.
                __asm__ volatile("" : : "r"(begin));
            }
        }
    }

    void take(const Recorded & turn, const Part & part, const Scratch & scratch) {
        const void * cells[tileCells];
        const char * columns = (const char *) shape.v->data + offsetOf(part);
        for (int i = 0; i < tileCells; i++) cells[i] = turn.cells[i] < 0 ? nullptr : columns + size_t(turn.cells[i]) * shape.v->nb[1];
        const int64_t count = turn.count * shape.group, before = rowsBefore(turn, part.head);
        for (int64_t i = 0; i < count; i++) {
            const int64_t r = entries[turn.first + i / shape.group].token * shape.group + i % shape.group;
            const float top = tops[before + i], old = part.tops[r];
            // Scales one of the two sums to the other's power of two, which is exact.
            scratch.corrections[i] = top <= old ? 1 : old == -INFINITY ? 0 : kernels.power(old - top);
            kernels.rescale(weights + (before + i) * tileCells, top < old ? kernels.power(top - old) : 1, scratch.weights + i * tileCells);
            part.tops[r] = std::max(top, old);
            scratch.outRows[i] = part.outs + r * part.width;
            scratch.sumRows[i] = part.sums + r;
        }
        kernels.accumulate[typeOf(shape.v)](
            cells, int(part.width), scratch.values, scratch.weights, scratch.corrections, scratch.outRows, scratch.sumRows, int(count));
    }
};

}  // namespace shimmy
