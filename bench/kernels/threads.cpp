// Times decoding of one stream with several numbers of threads, polling levels and priorities, alone and beside a process that is busy on
// one core; prints a line of JSON for each.
//
//   threads MODEL
//
// Between two steps the thread that decodes does something else for a while, as a server does.

#include "ggml-cpu.h"
#include "llama.h"
#include "shimmy_kernels.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

static void workFor(double seconds) {
    for (auto start = Clock::now(); secondsSince(start) < seconds;) {}
}

// A process of ordinary priority that keeps one core busy, for as long as this lives.
struct Competitor {
    pid_t child = fork();
    Competitor() {
        if (child != 0) return;
        // The thread that decodes has the priority of its pool, which a child would inherit.
        sched_param ordinary{};
        sched_setscheduler(0, SCHED_OTHER, &ordinary);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        workFor(600);
        _exit(0);
    }
    ~Competitor() {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
};

// The mean, since what others disturb are single steps.
static double tokensPerSecond(llama_context * context, int steps) {
    llama_memory_clear(llama_get_memory(context), true);
    double seconds = 0;
    for (int step = 0; step < steps + 8; step++) {
        llama_token token = 100 + step * 7919 % 40000;
        auto start = Clock::now();
        if (llama_decode(context, llama_batch_get_one(&token, 1)) != 0) exit(1);
        llama_synchronize(context);
        if (step >= 8) seconds += secondsSince(start);
        workFor(0.0005);
    }
    return steps / seconds;
}

int main(int count, char ** arguments) {
    if (count != 2) return fprintf(stderr, "threads MODEL\n"), 2;
    shimmy_kernels_install(shimmy_kernels_best());
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    llama_model * model = llama_model_load_from_file(arguments[1], llama_model_default_params());
    if (!model) return 1;
    const int cores = int(std::thread::hardware_concurrency());
    for (int threads : {cores, std::max(1, cores - 1)}) {
        for (int priority : {GGML_SCHED_PRIO_NORMAL, GGML_SCHED_PRIO_MEDIUM}) {
            for (int poll : {0, 1, 10, 50}) {
                auto parameters = llama_context_default_params();
                parameters.n_ctx = 512;
                parameters.n_threads = parameters.n_threads_batch = threads;
                llama_context * context = llama_init_from_model(model, parameters);
                auto pool = ggml_threadpool_params_default(threads);
                pool.poll = uint32_t(poll);
                pool.prio = ggml_sched_priority(priority);
                ggml_threadpool * threadpool = ggml_threadpool_new(&pool);
                llama_attach_threadpool(context, threadpool, threadpool);
                const double alone = tokensPerSecond(context, 100);
                Competitor competitor;
                const double beside = tokensPerSecond(context, 100);
                printf("{\"threads\": %d, \"priority\": %d, \"poll\": %d, \"alone\": %.1f, \"beside\": %.1f}\n", threads, priority, poll, alone, beside);
                fflush(stdout);
                llama_detach_threadpool(context);
                llama_free(context);
                ggml_threadpool_free(threadpool);
            }
        }
    }
    return 0;
}
