#include "attention.h"
namespace shimmy {
bool canAttend(const ggml_tensor *) { return false; }
ggml::cpu::tensor_traits * attentionTraits() { return nullptr; }
}
