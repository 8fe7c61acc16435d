#include "cchat.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "common/chat.h"
#include "common/log.h"

struct cchat_templates {
    common_chat_templates_ptr parsed;
    bool add_bos;
    bool add_eos;
};

namespace {

void set_error(char **error, const char *message) {
    if (error != nullptr) *error = strdup(message);
}

}  // namespace

cchat_templates *cchat_templates_create(const struct llama_model *model, const char *override_source, char **error) {
    if (model == nullptr && override_source == nullptr) {
        set_error(error, "neither a model nor a template was given");
        return nullptr;
    }
    try {
        auto parsed = common_chat_templates_init(model, override_source == nullptr ? "" : override_source);
        const llama_vocab *vocabulary = model == nullptr ? nullptr : llama_model_get_vocab(model);
        return new cchat_templates{
            std::move(parsed),
            vocabulary != nullptr && llama_vocab_get_add_bos(vocabulary),
            vocabulary != nullptr && llama_vocab_get_add_eos(vocabulary),
        };
    } catch (const std::exception &exception) {
        set_error(error, exception.what());
    } catch (...) {
        set_error(error, "unknown failure while parsing the chat template");
    }
    return nullptr;
}

void cchat_templates_free(cchat_templates *templates) { delete templates; }

bool cchat_templates_explicit(const cchat_templates *templates) { return common_chat_templates_was_explicit(templates->parsed.get()); }

char *cchat_render(const cchat_templates *templates, const char *request_json, char **error) {
    try {
        const common_json request = common_json::parse(request_json);
        common_chat_templates_inputs inputs;
        inputs.messages = common_chat_msgs_parse_oaicompat(request.at("messages"));
        inputs.add_generation_prompt = request.value("add_generation_prompt", true);
        inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_NONE;
        inputs.add_bos = templates->add_bos;
        inputs.add_eos = templates->add_eos;
        const common_chat_params rendered = common_chat_templates_apply(templates->parsed.get(), inputs);

        common_json result = common_json::object();
        result["prompt"] = rendered.prompt;
        common_json stops = common_json::array();
        for (const std::string &stop : rendered.additional_stops) stops.push_back(stop);
        result["additional_stops"] = std::move(stops);
        return strdup(result.dump().c_str());
    } catch (const std::exception &exception) {
        set_error(error, exception.what());
    } catch (...) {
        set_error(error, "unknown failure while rendering the chat template");
    }
    return nullptr;
}

void cchat_string_free(char *string) { free(string); }

void cchat_quiet(void) { common_log_set_verbosity_thold(LOG_LEVEL_ERROR); }
