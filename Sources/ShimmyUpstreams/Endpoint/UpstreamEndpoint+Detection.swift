import ShimmyChat
import ShimmyJSON

extension UpstreamEndpoint {
    /// Returns the kind in the settings, or finds out which program answers. Throws `UpstreamFailure` if no server answers.
    package static func detect(_ settings: UpstreamSettings, client: UpstreamClient) async throws -> UpstreamKind {
        if let kind = settings.kind { return kind }
        switch UpstreamHost.of(settings.url) {
        case UpstreamHost.openAI: return .openai
        case UpstreamHost.anthropic: return .anthropic
        default: break
        }
        let endpoint = UpstreamEndpoint(settings, kind: .openai, client: client)
        // Some programs also have routes of others: Shimmy those of Ollama and llama-server, SGLang those of Ollama.
        for probe in probes {
            guard let json = try await endpoint.answer(to: probe.path) else { continue }
            if probe.isKind(json) { return probe.kind }
        }
        return .openai
    }

    private struct Probe: Sendable {
        let path: String
        let kind: UpstreamKind
        let isKind: @Sendable (JSON) -> Bool
    }

    private static let probes: [Probe] = [
        Probe(path: "/health", kind: .shimmy) { $0["models_loaded"] != nil && $0["engine"] != nil },
        Probe(path: "/get_model_info", kind: .sglang) { $0["model_path"] != nil },
        Probe(path: "/get_server_info", kind: .sglang) { $0["model_path"] != nil || $0["internal_states"] != nil },
        Probe(path: "/props", kind: .llamaServer) { $0["default_generation_settings"] != nil },
        Probe(path: "/api/version", kind: .ollama) { $0["version"]?.stringValue != nil },
        Probe(path: "/version", kind: .vllm) { $0["version"]?.stringValue != nil },
    ]

    /// Returns the answer to a request; nil if it is not JSON, or an error. Throws if no server answers, or if it is not ready, because its
    /// answer would change later.
    private func answer(to path: String) async throws -> JSON? {
        do {
            return try await json(path, within: settings.checkSeconds)
        } catch let error as UpstreamFailure {
            switch error.reason {
            case .unreachable, .timedOut, .interrupted, .busy, .failed(status: 502): throw error
            default: return nil
            }
        }
    }
}
