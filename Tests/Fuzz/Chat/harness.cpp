// libFuzzer targets for the C++ between Shimmy and llama.cpp: conversations as prompts, and answers read back. FUZZ_TARGET names the target:
// `render` takes the request's JSON, `answer` the text of an answer after a first byte that chooses what it answers to.

#include <cstdlib>
#include <cstring>
#include <string>

#include "cchat.h"

namespace {

const char *const prompts[] = {
    R"({"messages":[{"role":"user","content":"a"}],"tool_choice":"none","continue":"no","enable_thinking":true})",
    R"({"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}],"generic_calls":true,"tool_choice":"auto","parallel_tool_calls":true,"continue":"no","enable_thinking":false})",
    R"({"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}}}}],"tool_choice":"required","continue":"no","enable_thinking":false})",
    R"({"messages":[{"role":"user","content":"a"}],"response_schema":{"type":"object"},"tool_choice":"none","continue":"no","enable_thinking":false})",
};

const cchat_templates *templates() {
    static const cchat_templates *const made = [] {
        cchat_quiet();
        char *error = nullptr;
        cchat_templates *templates = cchat_templates_create(nullptr, "chatml", &error);
        if (templates == nullptr) abort();
        return templates;
    }();
    return made;
}

void release(char *text) {
    if (text != nullptr) cchat_string_free(text);
}

void read(const cchat_prompt *prompt, const char *text, size_t length) {
    for (bool partial : {false, true}) {
        char *error = nullptr;
        char *answer = cchat_parse(prompt, text, length, partial, &error);
        // One of the two is there.
        if ((answer == nullptr) == (error == nullptr)) abort();
        release(answer);
        release(error);
    }
}

cchat_prompt *render(const char *request) {
    char *error = nullptr;
    cchat_prompt *prompt = cchat_render(templates(), request, &error);
    if ((prompt == nullptr) == (error == nullptr)) abort();
    release(error);
    return prompt;
}

void test_render(const std::string &input) {
    cchat_prompt *prompt = render(input.c_str());
    if (prompt == nullptr) return;
    release(cchat_prompt_describe(prompt));
    read(prompt, "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", 52);
    cchat_prompt_free(prompt);
}

void test_answer(const std::string &input) {
    if (input.empty()) return;
    static const cchat_prompt *const made[] = {render(prompts[0]), render(prompts[1]), render(prompts[2]), render(prompts[3])};
    const cchat_prompt *prompt = made[static_cast<unsigned char>(input[0]) % 4];
    if (prompt == nullptr) abort();
    read(prompt, input.data() + 1, input.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const bool renders = [] {
        const char *target = getenv("FUZZ_TARGET");
        return target != nullptr && strcmp(target, "render") == 0;
    }();
    const std::string input(reinterpret_cast<const char *>(data), size);
    if (renders) test_render(input);
    else test_answer(input);
    return 0;
}
