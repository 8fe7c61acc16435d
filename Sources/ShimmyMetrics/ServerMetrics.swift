/// The metrics of the server. docs/observability.md explains them.
///
/// No label has values that a client can choose: models are those on the disk, and routes are patterns. The registry bounds the series of each
/// metric.
package enum ServerMetrics {
    /// All metrics, in the order of the exposition.
    package static let all: [MetricDescription] = requests + answers + engines + models + upstreams + server + process

    /// The value of the label `model` for requests without a known model.
    package static let unknownModel = "unknown"

    // MARK: Requests

    package static let requestCount = counter("shimmy_requests", "Requests, by route, API, model, class of status and end of the answer.")
    package static let queueSeconds = histogram(
        "shimmy_queue_seconds", "Seconds from the request to the first computation of its prompt, including the load of its model.",
        MetricBounds.seconds)
    private static let requests = [requestCount, queueSeconds]

    // MARK: Answers, as in OpenTelemetry's conventions for generative AI

    package static let answerCount = counter("shimmy_answers", "Answers that began, by model and end.")
    package static let tokens = counter(
        "shimmy_tokens", "Tokens of answers. Cached tokens are also input tokens, and reasoning tokens are also output tokens.")
    package static let firstToken = histogram(
        "gen_ai_server_time_to_first_token_seconds", "Seconds from the request to the first part of its answer.", MetricBounds.seconds)
    package static let perToken = histogram(
        "gen_ai_server_time_per_output_token_seconds", "Mean seconds between two tokens of an answer, after the first one.",
        MetricBounds.tokenSeconds)
    package static let duration = histogram(
        "gen_ai_server_request_duration_seconds", "Seconds from the request to the end of its answer.", MetricBounds.seconds)
    package static let tokenUsage = histogram("gen_ai_client_token_usage", "Tokens of an answer, by type: input or output.", MetricBounds.sizes)
    private static let answers = [answerCount, tokens, firstToken, perToken, duration, tokenUsage]

    // MARK: Engines

    package static let running = gauge("shimmy_sequences_running", "Sequences that the engine computes.")
    package static let waiting = gauge("shimmy_sequences_waiting", "Sequences that wait in the engine.")
    package static let queueLength = gauge("shimmy_queue_length", "Submitted sequences that do not run.")
    package static let queueLimit = gauge("shimmy_queue_limit", "Max submitted sequences that do not run.")
    package static let cellsUsed = gauge("shimmy_cells_used", "Cells of the KV cache that contain a token.")
    package static let cellsShared = gauge(
        "shimmy_cells_shared", "Cells that sharing saves: those that slots use, less those that contain a token.")
    package static let cellsLimit = gauge("shimmy_cells_limit", "Cells of the KV cache.")
    package static let slotsUsed = gauge("shimmy_slots_used", "Slots that contain tokens, of running sequences and of cached prefixes.")
    package static let slotsLimit = gauge("shimmy_slots_limit", "Slots.")
    package static let evictions = counter("shimmy_prefix_evictions", "Cached prefixes that were evicted.")
    package static let preemptions = counter("shimmy_preemptions", "Running sequences that had to wait again.")
    package static let prefixQueries = counter("shimmy_prefix_cache_query_tokens", "Prompt tokens that were looked up in the prefix cache.")
    package static let prefixHits = counter("shimmy_prefix_cache_hit_tokens", "Prompt tokens that were in the prefix cache.")
    package static let prefixRestored = counter("shimmy_prefix_cache_restored_tokens", "Prompt tokens that were read from the disk.")
    package static let drafted = counter("shimmy_draft_tokens", "Drafted tokens.")
    package static let accepted = counter("shimmy_draft_accepted_tokens", "Drafted tokens that were accepted.")
    package static let generated = counter("shimmy_generated_tokens", "Tokens that the engine generated, also for answers that did not complete.")
    package static let stepSeconds = histogram("shimmy_step_seconds", "Seconds of a step of the engine.", MetricBounds.tokenSeconds)
    package static let stepRows = counter("shimmy_step_rows", "Rows that the engine computed: of prompts, answers and drafts.")
    package static let modelSeconds = counter("shimmy_step_model_seconds", "Seconds of all steps that the model took, without sampling.")
    package static let faults = counter("shimmy_engine_faults", "Errors that the engine survived.")
    private static let engines = [
        running, waiting, queueLength, queueLimit, cellsUsed, cellsShared, cellsLimit, slotsUsed, slotsLimit, evictions, preemptions, prefixQueries,
        prefixHits, prefixRestored, drafted, accepted, generated, stepSeconds, stepRows, modelSeconds, faults,
    ]

    // MARK: Models

    package static let modelsLoaded = gauge("shimmy_models_loaded", "Loaded models.")
    package static let modelWaiting = gauge("shimmy_model_waiting_requests", "Requests that wait for a model to load, or for memory.")
    package static let modelMemory = gauge("shimmy_model_memory_bytes", "Memory of a model, by kind.")
    package static let deviceMemory = gauge(
        "shimmy_device_memory_bytes", "Memory of a loaded model by device: weights, cache and computing. The memory of the host is that of CPU.")
    package static let memoryUsed = gauge("shimmy_memory_used_bytes", "Memory of all models.")
    package static let memoryBudget = gauge("shimmy_memory_budget_bytes", "Max memory of all models.")
    package static let loads = counter("shimmy_model_loads", "Loads of a model that succeeded.")
    package static let loadFailures = counter("shimmy_model_load_failures", "Loads of a model that failed or were stopped.")
    package static let loadSeconds = counter("shimmy_model_load_seconds", "Seconds of all successful loads of a model.")
    package static let unloads = counter("shimmy_model_unloads", "Times that a model was freed.")
    private static let models = [
        modelsLoaded, modelWaiting, modelMemory, deviceMemory, memoryUsed, memoryBudget, loads, loadFailures, loadSeconds, unloads,
    ]

    // MARK: Upstreams

    package static let upstreamRequests = counter("shimmy_upstream_requests", "Requests to an upstream server.")
    package static let upstreamFailures = counter("shimmy_upstream_failures", "Requests that failed because of an upstream server.")
    package static let upstreamFailovers = counter(
        "shimmy_upstream_failovers", "Failed requests to an upstream server that another replica was asked to serve.")
    package static let upstreamRunning = gauge("shimmy_upstream_requests_running", "Requests that an upstream server is serving.")
    package static let upstreamHealthy = gauge("shimmy_upstream_healthy", "Whether the last check of an upstream server succeeded: 1 or 0.")
    private static let upstreams = [upstreamRequests, upstreamFailures, upstreamFailovers, upstreamRunning, upstreamHealthy]

    // MARK: The server

    package static let requestsInFlight = gauge("shimmy_requests_in_flight", "Requests whose response is not complete.")
    package static let connections = gauge("shimmy_connections", "Open connections.")
    package static let connectionsRefused = counter("shimmy_connections_refused", "Connections that were refused because a limit was reached.")
    package static let bodyBytes = gauge("shimmy_body_bytes", "Bytes of request bodies in processing.")
    package static let storageBytes = gauge("shimmy_storage_bytes", "Bytes of all stored objects.")
    package static let storageLimit = gauge("shimmy_storage_limit_bytes", "Max bytes of all stored objects.")
    package static let storageWrite = histogram(
        "shimmy_storage_write_seconds", "Seconds of a write to the storage, including the wait for other writes.", MetricBounds.seconds)
    package static let build = gauge("shimmy_build_info", "The version of the program. The value is 1.")
    package static let traceSpans = counter(
        "shimmy_trace_spans", "Spans of traces: exported, dropped because too many were waiting, or failed because the collector did not take them.")
    private static let server = [
        traceSpans, requestsInFlight, connections, connectionsRefused, bodyBytes, storageBytes, storageLimit, storageWrite, build,
    ]

    // MARK: The process, with the names of Prometheus' client libraries

    package static let processCPU = counter("process_cpu_seconds", "Seconds of processor time, of user and system.")
    package static let processMemory = gauge("process_resident_memory_bytes", "Resident memory.")
    package static let processFiles = gauge("process_open_fds", "Open file descriptors.")
    package static let processFileLimit = gauge("process_max_fds", "Max open file descriptors.")
    package static let processStart = gauge("process_start_time_seconds", "The start of the process, in seconds since 1970.")
    private static let process = [processCPU, processMemory, processFiles, processFileLimit, processStart]

    private static func counter(_ name: String, _ help: String) -> MetricDescription { MetricDescription(.counter, name, help) }
    private static func gauge(_ name: String, _ help: String) -> MetricDescription { MetricDescription(.gauge, name, help) }
    private static func histogram(_ name: String, _ help: String, _ bounds: [Double]) -> MetricDescription {
        MetricDescription(.histogram, name, help, bounds: bounds)
    }
}
