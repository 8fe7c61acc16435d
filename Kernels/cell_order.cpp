#include "cell_order.h"

#include "attention_kernels.h"

#include "ggml-cpu-impl.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace shimmy {

CellOrder::CellOrder(const std::vector<int32_t> & written, int64_t count) {
    std::vector<bool> isWritten(size_t(count), false);
    for (int32_t cell : written) {
        if (cell < count) isWritten[size_t(cell)] = true;
    }
    cells.reserve(size_t(count));
    for (int32_t cell = 0; cell < count; cell++) {
        if (!isWritten[size_t(cell)]) cells.push_back(cell);
    }
    for (int32_t cell : written) {
        if (cell < count) cells.push_back(cell);
    }
    findRuns();
}

void CellOrder::findRuns() {
    for (size_t first = 0; first < cells.size(); first += tileCells) {
        const size_t last = std::min(first + tileCells, cells.size());
        bool run = true;
        for (size_t i = first + 1; i < last; i++) run = run && cells[i] == cells[i - 1] + 1;
        isRun.push_back(run);
    }
}

namespace {

// What was written to a cache so far. It never changes: caches of all layers, to which the same rows are written, share one.
struct History {
    std::vector<int32_t> written;  // each cell once, the last one written last

    std::shared_ptr<const History> adding(const std::vector<int32_t> & cells) const {
        auto next = std::make_shared<History>();
        const int32_t most = *std::max_element(cells.begin(), cells.end());
        std::vector<bool> isNew(size_t(most) + 1, false);
        for (int32_t cell : cells) isNew[size_t(cell)] = true;
        next->written.reserve(written.size() + cells.size());
        for (int32_t cell : written) {
            if (cell > most || !isNew[size_t(cell)]) next->written.push_back(cell);
        }
        next->written.insert(next->written.end(), cells.begin(), cells.end());
        return next;
    }
};

class Histories {
public:
    void write(const void * cache, const ggml_tensor * rows) {
        std::vector<int32_t> cells(size_t(rows->ne[0]));
        for (size_t i = 0; i < cells.size(); i++) {
            const char * at = (const char *) rows->data + i * rows->nb[0];
            cells[i] = rows->type == GGML_TYPE_I64 ? int32_t(*(const int64_t *) at) : *(const int32_t *) at;
        }
        if (cells.empty()) return;
        std::lock_guard<std::mutex> lock(mutex);
        if (caches.size() > most) caches.clear();
        auto & history = caches[cache];
        if (!history) history = none;
        // The next layer's cache is written to in the same way as the one before.
        if (history != from || cells != lastCells) {
            to = history->adding(cells);
            from = history;
            lastCells = cells;
        }
        history = to;
    }

    std::shared_ptr<const CellOrder> order(const void * cache, int64_t count) {
        std::lock_guard<std::mutex> lock(mutex);
        auto found = caches.find(cache);
        const std::shared_ptr<const History> history = found == caches.end() ? none : found->second;
        if (!lastOrder || history != ordered || int64_t(lastOrder->cells.size()) != count) {
            ordered = history;
            lastOrder = std::make_shared<CellOrder>(history->written, count);
        }
        return lastOrder;
    }

private:
    // Caches of contexts that are gone stay listed until there are too many.
    static constexpr size_t most = 4096;

    std::mutex mutex;
    std::unordered_map<const void *, std::shared_ptr<const History>> caches;
    const std::shared_ptr<const History> none = std::make_shared<History>();
    // The last step, and what came of it
    std::shared_ptr<const History> from, to;
    std::vector<int32_t> lastCells;
    // The last order, and what it was made from
    std::shared_ptr<const History> ordered;
    std::shared_ptr<const CellOrder> lastOrder;
};

Histories & histories() {
    static Histories all;
    return all;
}

struct WriteTraits : ggml::cpu::tensor_traits {
    bool work_size(int, const ggml_tensor *, size_t &) override { return false; }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        if (params->ith == 0 && ggml_is_vector(op->src[1])) histories().write(op->data, op->src[1]);
        return false;
    }
};

}  // namespace

std::shared_ptr<const CellOrder> cellOrder(const void * cache, int64_t count) { return histories().order(cache, count); }

ggml::cpu::tensor_traits * writeTraits() {
    static WriteTraits traits;
    return &traits;
}

}  // namespace shimmy
