// The C interface: detects the processor's instruction sets and registers the buffer type before ggml's own ones.

#include "shimmy_kernels.h"

#include "attention.h"
#include "buffer_type.h"
#include "registry.h"
#include "traits.h"

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace shimmy {

#if defined(__x86_64__)

namespace avx2 { extern const KernelTable table; }
namespace avxvnni { extern const KernelTable table; }
namespace avxvnni_evex { extern const KernelTable table; }
namespace avx512vnni { extern const KernelTable table; }

static bool has(unsigned leaf, unsigned subleaf, int reg, int bit) {
    unsigned r[4] = {0, 0, 0, 0};
    return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

static const KernelTable * find(shimmy_instruction_set set) {
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has(1, 0, 2, 29);  // F16C
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    switch (set) {
        case SHIMMY_INSTRUCTIONS_AVX512_VNNI: return avx2 && avx512 ? &avx512vnni::table : nullptr;
        case SHIMMY_INSTRUCTIONS_AVX_VNNI:
            if (avx2 && has(7, 1, 0, 4)) return &avxvnni::table;
            return avx2 && avx512 ? &avxvnni_evex::table : nullptr;
        case SHIMMY_INSTRUCTIONS_AVX2: return avx2 ? &avx2::table : nullptr;
        case SHIMMY_INSTRUCTIONS_NONE: return nullptr;
    }
    return nullptr;
}

#else

static const KernelTable * find(shimmy_instruction_set) { return nullptr; }

#endif

static const KernelTable * active = nullptr;
static shimmy_instruction_set installed = SHIMMY_INSTRUCTIONS_NONE;
static bool attention = true;

const KernelTable * kernels() { return active; }
bool takesWeights() { return installed != SHIMMY_INSTRUCTIONS_NONE; }
bool takesAttention() { return takesWeights() && attention; }

}  // namespace shimmy

using namespace shimmy;

bool shimmy_kernels_supports(shimmy_instruction_set set) { return set == SHIMMY_INSTRUCTIONS_NONE || find(set); }

shimmy_instruction_set shimmy_kernels_best(void) {
    for (int set = SHIMMY_INSTRUCTIONS_AVX512_VNNI; set > SHIMMY_INSTRUCTIONS_NONE; set--) {
        if (find(shimmy_instruction_set(set))) return shimmy_instruction_set(set);
    }
    return SHIMMY_INSTRUCTIONS_NONE;
}

const char * shimmy_kernels_name(shimmy_instruction_set set) {
    switch (set) {
        case SHIMMY_INSTRUCTIONS_AVX512_VNNI: return "AVX-512 VNNI";
        case SHIMMY_INSTRUCTIONS_AVX_VNNI: return "AVX-VNNI";
        case SHIMMY_INSTRUCTIONS_AVX2: return "AVX2";
        case SHIMMY_INSTRUCTIONS_NONE: return "none";
    }
    return "none";
}

void shimmy_kernels_install(shimmy_instruction_set set) {
    const KernelTable * table = find(set);
    // Weights that are already packed still need their kernels, so the last installed ones stay active.
    if (table) active = table;
    installed = table ? set : SHIMMY_INSTRUCTIONS_NONE;
    auto & types = ggml_backend_cpu_get_extra_buffer_types();
    if (table && std::find(types.begin(), types.end(), bufferType()) == types.end()) types.insert(types.begin(), bufferType());
}

shimmy_instruction_set shimmy_kernels_installed(void) { return installed; }

void shimmy_kernels_set_attention(bool enabled) { attention = enabled; }

ggml_backend_buffer_type_t shimmy_kernels_buffer_type(void) { return bufferType(); }

const enum ggml_type * shimmy_kernels_formats(void) {
    static ggml_type list[GGML_TYPE_COUNT + 1];
    size_t count = 0;
    if (const KernelTable * table = find(shimmy_kernels_best())) {
        for (size_t i = 0; i < table->count; i++) list[count++] = table->formats[i].type;
    }
    list[count] = GGML_TYPE_COUNT;
    return list;
}
