// ggml's CPU backend supports "extra" buffer types. llama.cpp's model loader offers each weight to them in turn, with the operation that
// uses it; a buffer type that accepts a weight decides its layout. Before the backend computes an operation of a graph, it asks them for
// traits that compute the operation instead.

#include "buffer_type.h"

#include "attention.h"
#include "cell_order.h"
#include "packed_weights.h"
#include "pages.h"
#include "product.h"
#include "registry.h"
#include "traits.h"

#include "ggml-backend-impl.h"
#include "ggml-cpu.h"

namespace shimmy {

namespace {

bool isHere(const ggml_tensor * tensor) { return tensor && tensor->buffer && tensor->buffer->buft == bufferType(); }

enum ggml_status initTensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    tensor->extra = PackedWeights(tensor).isPacked() ? productTraits() : nullptr;
    return GGML_STATUS_SUCCESS;
}

void setTensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor) && "packed weights are written as a whole");
    PackedWeights weights(tensor);
    GGML_ASSERT(weights.isPacked());
    weights.pack(data, tensor->nb[1], (uint8_t *) tensor->data);
    releaseMappedPages(data, size);
}

ggml_backend_buffer_t allocate(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (!buffer) return nullptr;
    useLargePages(ggml_backend_buffer_get_base(buffer), size);
    buffer->buft = type;
    buffer->iface.init_tensor = initTensor;
    buffer->iface.set_tensor = setTensor;
    buffer->iface.get_tensor = nullptr;
    buffer->iface.cpy_tensor = nullptr;
    return buffer;
}

size_t allocationSize(ggml_backend_buffer_type_t, const ggml_tensor * tensor) {
    PackedWeights weights(tensor);
    return weights.isPacked() ? weights.bytes() : ggml_nbytes(tensor);
}

struct Extra : ggml::cpu::extra_buffer_type {
    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        return takesWeights() && isHere(op->src[0]) && canMultiply(op) && !isHere(op->src[1])
            && (!op->src[1]->buffer || ggml_backend_buft_is_host(op->src[1]->buffer->buft));
    }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        if (op->op == GGML_OP_FLASH_ATTN_EXT) return takesAttention() && canAttend(op) ? attentionTraits() : nullptr;
        if (op->op == GGML_OP_SET_ROWS) return takesAttention() ? writeTraits() : nullptr;
        if (op->op != GGML_OP_MUL_MAT && op->op != GGML_OP_MUL_MAT_ID) return nullptr;
        return isHere(op->src[0]) ? (ggml::cpu::tensor_traits *) op->src[0]->extra : nullptr;
    }
};

const char * name(ggml_backend_buffer_type_t) { return "Shimmy"; }
size_t alignment(ggml_backend_buffer_type_t) { return 64; }

}  // namespace

ggml_backend_buffer_type_t bufferType() {
    static ggml_backend_buffer_type type = {
        {name, allocate, alignment, nullptr, allocationSize, nullptr},
        ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
        new Extra(),
    };
    return &type;
}

}  // namespace shimmy
