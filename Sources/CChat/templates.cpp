#include "common/log.h"
#include "internal.h"

cchat_templates *cchat_templates_create(const struct llama_model *model, const char *override_source, char **error) {
    return guarded(error, [&]() -> cchat_templates * {
        if (model == nullptr && override_source == nullptr) throw std::invalid_argument("neither a model nor a template was given");
        if (override_source != nullptr && *override_source == 0) throw std::invalid_argument("the template is empty");
        auto parsed = common_chat_templates_init(model, override_source == nullptr ? "" : override_source);
        const llama_vocab *vocabulary = model == nullptr ? nullptr : llama_model_get_vocab(model);
        return new cchat_templates{
            std::move(parsed),
            vocabulary != nullptr && llama_vocab_get_add_bos(vocabulary),
            vocabulary != nullptr && llama_vocab_get_add_eos(vocabulary),
        };
    });
}

void cchat_templates_free(cchat_templates *templates) { delete templates; }

char *cchat_templates_describe(const cchat_templates *templates) {
    return guarded(nullptr, [&]() -> char * {
        common_json result = common_json::object();
        result["source"] = common_chat_templates_source(templates->parsed.get());
        result["tool_use_source"] = common_chat_templates_source(templates->parsed.get(), "tool_use");
        bool thinking = false;
        try {
            thinking = common_chat_templates_support_enable_thinking(templates->parsed.get());
        } catch (...) {
            // Reasoning support is unknown for a template that refuses a single user message.
        }
        result["thinking"] = thinking;
        common_json capabilities = common_json::object();
        for (const auto &[name, value] : common_chat_templates_get_caps(templates->parsed.get())) capabilities[name] = value;
        result["capabilities"] = std::move(capabilities);
        return strdup(result.dump().c_str());
    });
}

void cchat_string_free(char *string) { free(string); }

void cchat_quiet(void) { common_log_set_verbosity_thold(-1); }
