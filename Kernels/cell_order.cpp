#include "cell_order.h"

#include "attention_kernels.h"

#include "ggml-backend-impl.h"
#include "ggml-cpu-impl.h"

#include <algorithm>
#include <deque>
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

// The writes to a cache so far. Immutable: the caches of all layers, which receive the same rows, share one history.
struct History {
    std::vector<int32_t> written;  // each cell once, in the order of its last write

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
        std::lock_guard<std::mutex> lock(mutex);
        Cache & known = caches[cache];
        flush(known);
        add(known, cells);
    }

    // Records rows that are restored from a saved state. They arrive one by one or many at once, and are added together on the next use of the
    // cache.
    void restore(const void * cache, int32_t first, int32_t count) {
        std::lock_guard<std::mutex> lock(mutex);
        std::vector<int32_t> & restored = caches[cache].restored;
        for (int32_t cell = first; cell < first + count; cell++) restored.push_back(cell);
    }

    // Forgets the caches in `size` bytes from `begin`, which are freed. A later cache at the same address starts without a history.
    void forget(const void * begin, size_t size) {
        std::lock_guard<std::mutex> lock(mutex);
        const char * first = (const char *) begin, * last = first + size;
        for (auto at = caches.begin(); at != caches.end();) {
            const char * cache = (const char *) at->first;
            at = cache >= first && cache < last ? caches.erase(at) : std::next(at);
        }
    }

    std::shared_ptr<const CellOrder> order(const void * cache, int64_t count) {
        std::lock_guard<std::mutex> lock(mutex);
        auto found = caches.find(cache);
        if (found != caches.end()) flush(found->second);
        const std::shared_ptr<const History> history = found == caches.end() ? none : found->second.history;
        if (!lastOrder || history != ordered || int64_t(lastOrder->cells.size()) != count) {
            ordered = history;
            lastOrder = std::make_shared<CellOrder>(history->written, count);
        }
        return lastOrder;
    }

    size_t size() {
        std::lock_guard<std::mutex> lock(mutex);
        return caches.size();
    }

private:
    struct Cache {
        std::shared_ptr<const History> history;
        // Cells that were restored from saved states since the last update of `history`.
        std::vector<int32_t> restored;
    };

    struct Step {
        std::shared_ptr<const History> from, to;
        std::vector<int32_t> cells;
    };

    // The number of recent steps to keep, so that a layer's cache can reuse the history of earlier layers with the same writes.
    static constexpr size_t remembered = 4;

    void flush(Cache & cache) {
        if (!cache.history) cache.history = none;
        if (cache.restored.empty()) return;
        add(cache, cache.restored);
        cache.restored.clear();
        cache.restored.shrink_to_fit();
    }

    void add(Cache & cache, const std::vector<int32_t> & cells) {
        if (cells.empty()) return;
        for (const Step & step : steps) {
            if (step.from == cache.history && step.cells == cells) {
                cache.history = step.to;
                return;
            }
        }
        if (steps.size() >= remembered) steps.pop_front();
        steps.push_back({cache.history, cache.history->adding(cells), cells});
        cache.history = steps.back().to;
    }

    std::mutex mutex;
    std::unordered_map<const void *, Cache> caches;
    const std::shared_ptr<const History> none = std::make_shared<History>();
    std::deque<Step> steps;
    // The last order, and the history from which it was made
    std::shared_ptr<const History> ordered;
    std::shared_ptr<const CellOrder> lastOrder;
};

Histories & histories() {
    static Histories all;
    return all;
}

// Watches the buffers of caches by replacing their functions. Restoring a saved state bypasses all operations, and the memory of a freed
// context is reused.
class Watches {
public:
    void watch(ggml_backend_buffer_t buffer) {
        std::lock_guard<std::mutex> lock(mutex);
        if (!buffer || originals.count(buffer)) return;
        originals[buffer] = buffer->iface;
        buffer->iface.set_tensor = setTensor;
        buffer->iface.free_buffer = freeBuffer;
    }

private:
    std::mutex mutex;
    std::unordered_map<ggml_backend_buffer_t, ggml_backend_buffer_i> originals;

    ggml_backend_buffer_i original(ggml_backend_buffer_t buffer) {
        std::lock_guard<std::mutex> lock(mutex);
        return originals.at(buffer);
    }

    static void setTensor(ggml_backend_buffer_t buffer, ggml_tensor * tensor, const void * data, size_t offset, size_t size);
    static void freeBuffer(ggml_backend_buffer_t buffer);
};

Watches & watches() {
    static Watches all;
    return all;
}

void Watches::setTensor(ggml_backend_buffer_t buffer, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    const size_t row = tensor->nb[1];
    if (row > 0 && offset % row == 0 && size % row == 0) histories().restore(tensor->data, int32_t(offset / row), int32_t(size / row));
    watches().original(buffer).set_tensor(buffer, tensor, data, offset, size);
}

void Watches::freeBuffer(ggml_backend_buffer_t buffer) {
    const ggml_backend_buffer_i own = watches().original(buffer);
    histories().forget(ggml_backend_buffer_get_base(buffer), buffer->size);
    {
        std::lock_guard<std::mutex> lock(watches().mutex);
        watches().originals.erase(buffer);
    }
    own.free_buffer(buffer);
}

struct WriteTraits : ggml::cpu::tensor_traits {
    bool work_size(int, const ggml_tensor *, size_t &) override { return false; }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        if (params->ith != 0 || !ggml_is_vector(op->src[1])) return false;
        watches().watch(op->view_src ? op->view_src->buffer : op->buffer);
        histories().write(op->data, op->src[1]);
        return false;
    }
};

}  // namespace

std::shared_ptr<const CellOrder> cellOrder(const void * cache, int64_t count) { return histories().order(cache, count); }

size_t knownCaches() { return histories().size(); }

ggml::cpu::tensor_traits * writeTraits() {
    static WriteTraits traits;
    return &traits;
}

}  // namespace shimmy
