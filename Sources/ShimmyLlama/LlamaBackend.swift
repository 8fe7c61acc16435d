// The only Swift target that calls llama.cpp: models, vocabularies, contexts, samplers and chat templates.
// Does not depend on HTTP, requests, or text other than the pieces of a vocabulary.

import CChat
import CLlama
package import Logging
import Synchronization

/// The process-wide state of llama.cpp: initialized once, with logging through swift-log.
package enum LlamaBackend {
    private static let logger = Mutex<Logger?>(nil)

    private static let initialized: Void = {
        llama_log_set({ level, text, _ in LlamaBackend.log(level, text) }, nil)
        cchat_quiet()
        cchat_keep_large_memory_apart()
        llama_backend_init()
    }()

    /// Initializes llama.cpp. Idempotent. Its messages go to `logger`: errors at level error, warnings at level debug, everything else at level
    /// trace.
    package static func start(logger: Logger) {
        self.logger.withLock { $0 = logger }
        _ = initialized
    }

    /// Returns the C library's freed memory to the system. Takes milliseconds, so do not call it on an event loop or the cooperative pool.
    package static func returnFreedMemory() { cchat_return_freed_memory() }

    static func ensureStarted() { _ = initialized }

    private static func log(_ level: ggml_log_level, _ text: UnsafePointer<CChar>?) {
        guard let text, let logger = logger.withLock({ $0 }) else { return }
        let message = String(cString: text).trimmingNewlines
        if message.isEmpty || message.allSatisfy({ $0 == "." }) { return }  // progress dots
        switch level {
        case GGML_LOG_LEVEL_ERROR: logger.error("llama.cpp", metadata: ["text": "\(message)"])
        case GGML_LOG_LEVEL_WARN: logger.debug("llama.cpp warning", metadata: ["text": "\(message)"])
        default: logger.trace("llama.cpp", metadata: ["text": "\(message)"])
        }
    }

    /// The source version from which llama.cpp was built.
    package static var build: String { String(cString: shimmy_llama_build) }

    /// The instruction sets for which the CPU backend was built, as pairs such as `NAME = 1`.
    package static var cpuFeatures: [String] {
        ensureStarted()
        return String(cString: llama_print_system_info()).split(separator: "|").map { $0.trimmingSpaces }
            .filter { !$0.isEmpty }
            .map { $0.hasPrefix("CPU : ") ? String($0.dropFirst(6)) : $0 }
    }

    /// A device on which llama.cpp can compute. Memory sizes are in bytes.
    package struct Device: Sendable {
        package let name: String
        package let description: String
        package let isGPU: Bool
        package let freeBytes: Int
        package let totalBytes: Int
    }

    package static var devices: [Device] {
        ensureStarted()
        return (0..<ggml_backend_dev_count()).compactMap { index in
            guard let device = ggml_backend_dev_get(index) else { return nil }
            var (free, total) = (0, 0)
            ggml_backend_dev_memory(device, &free, &total)
            let type = ggml_backend_dev_type(device)
            return Device(
                name: String(cString: ggml_backend_dev_name(device)), description: String(cString: ggml_backend_dev_description(device)),
                isGPU: type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU, freeBytes: free, totalBytes: total)
        }
    }
}

extension StringProtocol {
    var trimmingNewlines: String { String(self[..<(lastIndex { !$0.isNewline }.map(index(after:)) ?? startIndex)]) }
    var trimmingSpaces: String {
        let start = firstIndex { $0 != " " } ?? endIndex
        let end = lastIndex { $0 != " " }.map(index(after:)) ?? start
        return String(self[start..<end])
    }
}
