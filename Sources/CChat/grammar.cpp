// The state of a grammar, behind a fence: llama.cpp throws where a grammar does not allow what it is told.

#include <cmath>
#include <memory>
#include <vector>

#include "internal.h"
#include "llama.h"

struct cchat_grammar {
    std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)> sampler{nullptr, &llama_sampler_free};
    bool failed = false;
    /// Scratch, kept between calls.
    std::vector<llama_token_data> candidates;
};

cchat_grammar *cchat_grammar_create(
    const struct llama_model *model, const char *gbnf, bool lazy, const char *patterns_json, const int32_t *tokens, size_t token_count,
    char **error) {
    return guarded(error, [&]() -> cchat_grammar * {
        std::vector<std::string> texts;
        for (const common_json &pattern : common_json::parse(patterns_json)) texts.push_back(pattern.get<std::string>());
        std::vector<const char *> patterns;
        for (const std::string &text : texts) patterns.push_back(text.c_str());
        const llama_vocab *vocabulary = llama_model_get_vocab(model);
        llama_sampler *sampler = lazy ?
            llama_sampler_init_grammar_lazy_patterns(
                vocabulary, gbnf, "root", patterns.data(), patterns.size(), tokens, token_count) :
            llama_sampler_init_grammar(vocabulary, gbnf, "root");
        if (sampler == nullptr) throw std::invalid_argument("the grammar does not parse");
        auto grammar = std::make_unique<cchat_grammar>();
        grammar->sampler.reset(sampler);
        return grammar.release();
    });
}

cchat_grammar *cchat_grammar_clone(const cchat_grammar *grammar) {
    return guarded(nullptr, [&]() -> cchat_grammar * {
        auto copy = std::make_unique<cchat_grammar>();
        copy->sampler.reset(llama_sampler_clone(grammar->sampler.get()));
        copy->failed = grammar->failed;
        return copy.release();
    });
}

void cchat_grammar_free(cchat_grammar *grammar) { delete grammar; }

size_t cchat_grammar_filter(cchat_grammar *grammar, int32_t *tokens, size_t count) {
    if (grammar->failed) return 0;
    auto &candidates = grammar->candidates;
    candidates.clear();
    for (size_t index = 0; index < count; index++) candidates.push_back({tokens[index], 0, 0});
    llama_token_data_array array = {candidates.data(), candidates.size(), -1, false};
    const bool done = guarded(nullptr, [&]() -> bool {
        llama_sampler_apply(grammar->sampler.get(), &array);
        return true;
    });
    if (!done) return 0;
    size_t kept = 0;
    for (size_t index = 0; index < array.size; index++) {
        if (!std::isinf(array.data[index].logit)) tokens[kept++] = array.data[index].id;
    }
    return kept;
}

bool cchat_grammar_accept(cchat_grammar *grammar, int32_t token) {
    if (grammar->failed) return false;
    grammar->failed = !guarded(nullptr, [&]() -> bool {
        llama_sampler_accept(grammar->sampler.get(), token);
        return true;
    });
    return !grammar->failed;
}
