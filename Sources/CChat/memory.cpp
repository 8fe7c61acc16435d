// The memory use of a context. llama.cpp reports it in C++ only (src/llama-ext.h, src/llama-model.h); its declarations are repeated here.
// `LlamaAssumptionTests` compares them with llama.cpp's source.

#include <cstring>
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

// The breakdown counts a mapped file from its first to its last tensor, including tensors that were repacked into other memory, so weights are
// counted by tensor.
template <typename Visit> static void visit_tensors(const llama_context *context, Visit visit) {
    std::set<const void *> seen;
    for (const auto &[name, tensor] : llama_internal_get_tensor_map(llama_get_model(context))) {
        if (!tensor->buffer || !seen.insert(tensor->data).second) continue;
        visit(ggml_backend_buffer_get_type(tensor->buffer), ggml_backend_buffer_get_alloc_size(tensor->buffer, tensor));
    }
}

static const char *device_name(ggml_backend_buffer_type_t type) {
    const auto device = ggml_backend_buft_get_device(type);
    return !device || ggml_backend_buft_is_host(type) ? "CPU" : ggml_backend_dev_name(device);
}

int32_t cchat_device_memory(const llama_context *context, cchat_device_bytes *devices, int32_t capacity) {
    int32_t count = 0;
    const auto add = [&](ggml_backend_buffer_type_t type, size_t bytes) {
        const char *name = device_name(type);
        for (int32_t index = 0; index < count; index++) {
            if (std::strcmp(devices[index].name, name)) continue;
            devices[index].bytes += bytes;
            return;
        }
        if (count < capacity) devices[count++] = {name, bytes};
    };
    for (const auto &[type, parts] : llama_get_memory_breakdown(context)) add(type, parts.context + parts.compute);
    visit_tensors(context, add);
    return count;
}

void cchat_memory(const llama_context *context, size_t *weights, size_t *cache, size_t *compute) {
    *weights = *cache = *compute = 0;
    for (const auto &[type, parts] : llama_get_memory_breakdown(context)) {
        *cache += parts.context;
        *compute += parts.compute;
    }
    visit_tensors(context, [&](ggml_backend_buffer_type_t, size_t bytes) { *weights += bytes; });
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
