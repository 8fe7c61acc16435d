// The memory use of a context. llama.cpp reports it in C++ only (src/llama-ext.h, src/llama-model.h); its declarations are repeated here.
// `LlamaAssumptionTests` compares them with llama.cpp's source.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cchat.h"
#include "ggml-backend.h"
#include "ggml.h"
#include "llama.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

struct llama_memory_breakdown_data {
    size_t model, context, compute;
};

std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(const llama_context *context);
const std::vector<std::pair<std::string, ggml_tensor *>> &llama_internal_get_tensor_map(const llama_model *model);

void cchat_memory(const llama_context *context, size_t *weights, size_t *cache, size_t *compute) {
    *weights = *cache = *compute = 0;
    for (const auto &[type, parts] : llama_get_memory_breakdown(context)) {
        *cache += parts.context;
        *compute += parts.compute;
    }
    // The breakdown counts a mapped file from its first to its last tensor, including tensors that were repacked into other memory.
    std::set<const void *> seen;
    for (const auto &[name, tensor] : llama_internal_get_tensor_map(llama_get_model(context))) {
        if (!tensor->buffer || !seen.insert(tensor->data).second) continue;
        *weights += ggml_backend_buffer_get_alloc_size(tensor->buffer, tensor);
    }
}

void cchat_keep_large_memory_apart(void) {
#ifdef __GLIBC__
    // An explicit threshold is fixed. Otherwise it grows to the size of the largest freed block, up to 32 MB.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void cchat_return_freed_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
