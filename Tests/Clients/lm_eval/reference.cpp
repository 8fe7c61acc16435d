// The log likelihoods that llama.cpp itself computes: of the tokens of a text after its beginning.
//
//     reference MODEL < lines of "CONTEXT<TAB>CONTINUATION", with \n as a newline
//
// Prints a line for each: the sum of the continuation's log probabilities, and 1 when each token of it is the likeliest.
// llama.cpp's own code alone, in one batch for each line, with sums in double precision.

#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "llama.h"

static std::vector<llama_token> tokenize(const llama_vocab * vocab, const std::string & text) {
    std::vector<llama_token> tokens(text.size() + 4);
    tokens.resize(llama_tokenize(vocab, text.data(), text.size(), tokens.data(), tokens.size(), false, true));
    return tokens;
}

static std::string unescaped(const std::string & text) {
    std::string result;
    for (size_t i = 0; i < text.size(); i++) {
        const bool newline = text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n';
        result += newline ? '\n' : text[i];
        i += newline;
    }
    return result;
}

int main(int, char ** arguments) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_model * model = llama_model_load_from_file(arguments[1], llama_model_default_params());
    if (!model) return 1;
    const llama_vocab * vocab = llama_model_get_vocab(model);
    const int size = llama_vocab_n_tokens(vocab);
    llama_context_params parameters = llama_context_default_params();
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 1024;
    parameters.n_outputs_max = 1024;
    parameters.n_threads = parameters.n_threads_batch = 2;
    llama_context * context = llama_init_from_model(model, parameters);
    if (!context) return 1;
    llama_batch batch = llama_batch_init(1024, 0, 1);
    std::string line;
    while (std::getline(std::cin, line)) {
        const size_t tab = line.find('\t');
        std::vector<llama_token> before = tokenize(vocab, unescaped(line.substr(0, tab)));
        // An empty context is the token that begins every text.
        if (before.empty()) before.push_back(llama_vocab_bos(vocab));
        std::vector<llama_token> all = tokenize(vocab, unescaped(line.substr(0, tab) + line.substr(tab + 1)));
        if (tab == 0) all.insert(all.begin(), before[0]);
        llama_memory_clear(llama_get_memory(context), true);
        batch.n_tokens = all.size();
        for (size_t i = 0; i < all.size(); i++) {
            batch.token[i] = all[i];
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        if (llama_decode(context, batch) != 0) return 1;
        double sum = 0;
        bool greedy = true;
        for (size_t i = before.size(); i < all.size(); i++) {
            const float * logits = llama_get_logits_ith(context, i - 1);
            double greatest = logits[0], total = 0;
            for (int k = 1; k < size; k++) greatest = std::max(greatest, (double) logits[k]);
            for (int k = 0; k < size; k++) total += std::exp(logits[k] - greatest);
            sum += logits[all[i]] - greatest - std::log(total);
            greedy = greedy && logits[all[i]] == greatest;
        }
        std::printf("%.9g %d\n", sum, greedy);
    }
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
}
