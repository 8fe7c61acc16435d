// Each tile of the cache is read once for all rows that see it, so that sequences with a common prefix share its memory traffic.
//
// There are two ways to divide the work among threads: `AttentionSteps` and `AttentionRuns`. In both, each row processes its cells in the
// same order. A row's result does not depend on the way, the number of threads or the other rows.

#include "attention.h"

#include "registry.h"

#include "attention_runs.h"
#include "attention_steps.h"

namespace shimmy {

namespace {

struct Traits : ggml::cpu::tensor_traits {
    bool work_size(int threads, const ggml_tensor * op, size_t & size) override {
        const Shape shape(op);
        size = 64 + (AttentionSteps::isFor(shape) ? AttentionSteps::bytes(shape, threads) : AttentionRuns::bytes(shape, threads));
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        const Shape shape(op);
        Arena arena{(uint8_t *) ((uintptr_t(params->wdata) + 63) / 64 * 64)};
        const std::shared_ptr<const CellOrder> order = cellOrder(shape.k->data, shape.cells);
        if (AttentionSteps::isFor(shape)) {
            AttentionSteps::compute(shape, *order, params, arena);
        } else {
            AttentionRuns::compute(shape, *order, params, arena);
        }
        return true;
    }
};

}  // namespace

bool canAttend(const ggml_tensor * op) { return op->op == GGML_OP_FLASH_ATTN_EXT && Shape(op).isSupported(); }

ggml::cpu::tensor_traits * attentionTraits() {
    static Traits traits;
    return &traits;
}

}  // namespace shimmy
