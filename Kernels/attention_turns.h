// The order in which tokens process the cells of the cache.
//
// Tiles are processed in the order in which their cells were written. All tokens that see many cells of a tile process it together, in one
// turn. If a token sees few cells of a tile, they are gathered and form a turn of their own before the token's next turn, so that each token
// processes its cells in order.

#pragma once

#include "attention_shape.h"

namespace shimmy {

// One tile of cells and the tokens that process it.
struct Turn {
    const int32_t * cells;          // `tileCells` indices; negative for an unused entry
    int64_t count;                  // the number of tokens
    const int32_t * tokens;         // relative to the first token of the run
    const uint16_t * const * masks;  // one per token, for these cells; null if the mask is 0 for all of them
};

// The turns of a run of tokens.
class Turns {
public:
    Turns(const Shape & shape, const Visibility & visibility, int64_t capacity, Arena & arena) : shape(shape), visibility(visibility) {
        tileOfCells = arena.take<int32_t>(tileCells);
        tokens = arena.take<int32_t>(capacity);
        masks = arena.take<const uint16_t *>(capacity);
        maskCopies = arena.take<uint16_t>(capacity * tileCells);
        gathered = arena.take<int32_t>(capacity * tileCells);
        gatheredMasks = arena.take<uint16_t>(capacity * tileCells);
        gatheredCounts = arena.take<int32_t>(capacity);
    }

    // Calls `body` with each turn of the tokens from `first` to `last`.
    template <class Body> void each(int64_t first, int64_t last, Body body) {
        firstToken = first;
        std::fill_n(gatheredCounts, last - first, 0);
        for (int64_t tile = 0; tile < shape.tiles; tile++) pass(tile, last - first, body);
        for (int64_t t = 0; t < last - first; t++) flush(t, body);
    }

private:
    const Shape & shape;
    const Visibility & visibility;
    int64_t firstToken = 0;
    // The turn of the current tile
    int32_t * tileOfCells, * tokens;
    const uint16_t ** masks;
    uint16_t * maskCopies;
    // Gathered cells of each token that are not yet part of a turn
    int32_t * gathered;
    uint16_t * gatheredMasks;
    int32_t * gatheredCounts;

    template <class Body> void pass(int64_t tile, int64_t count, Body & body) {
        int64_t taking = 0;
        for (int64_t t = 0; t < count; t++) {
            const uint8_t seen = visibility.of(firstToken + t, tile);
            if (seen == 0) continue;
            if (seen < fewCells) {
                if (gatheredCounts[t] + seen > tileCells) flush(t, body);
                gather(t, tile);
            } else {
                flush(t, body);
                tokens[taking] = int32_t(t);
                masks[taking++] = seen == Visibility::everything ? nullptr : visibility.maskOf(firstToken + t, tile, maskCopies + t * tileCells);
            }
        }
        if (taking == 0) return;
        for (int64_t i = 0; i < tileCells; i++) {
            tileOfCells[i] = i < visibility.cellsOf(tile) ? visibility.order.cells[size_t(tile * tileCells + i)] : -1;
        }
        body(Turn{tileOfCells, taking, tokens, masks});
    }

    void gather(int64_t token, int64_t tile) {
        uint16_t * copy = maskCopies + token * tileCells;
        const uint16_t * mask = visibility.maskOf(firstToken + token, tile, copy);
        for (int i = 0; i < visibility.cellsOf(tile); i++) {
            if (mask[i] == unseen) continue;
            const int64_t at = token * tileCells + gatheredCounts[token]++;
            gathered[at] = visibility.order.cells[size_t(tile * tileCells + i)];
            gatheredMasks[at] = mask[i];
        }
    }

    template <class Body> void flush(int64_t token, Body & body) {
        const int waiting = gatheredCounts[token];
        if (waiting == 0) return;
        gatheredCounts[token] = 0;
        int32_t * cells = gathered + token * tileCells;
        uint16_t * mask = gatheredMasks + token * tileCells;
        for (int i = waiting; i < tileCells; i++) {
            cells[i] = -1;
            mask[i] = unseen;
        }
        const int32_t one = int32_t(token);
        const uint16_t * const masks = mask;
        body(Turn{cells, 1, &one, &masks});
    }
};

}  // namespace shimmy
