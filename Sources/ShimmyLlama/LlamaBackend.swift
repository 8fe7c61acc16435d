// The only Swift that calls llama.cpp: models, vocabularies, contexts, samplers and chat templates.
// Knows nothing of HTTP, of requests or of text beyond a vocabulary's pieces.

import CChat
import CLlama
package import Logging
import Synchronization

/// llama.cpp's process-wide state: set up once, logging through swift-log.
package enum LlamaBackend {
    private static let logger = Mutex<Logger?>(nil)

    private static let initialized: Void = {
        llama_log_set({ level, text, _ in LlamaBackend.log(level, text) }, nil)
        cchat_quiet()
        cchat_keep_large_memory_apart()
        llama_backend_init()
    }()

    /// Idempotent. llama.cpp's messages go to `logger`: its errors and warnings as such, everything else as debug.
    package static func start(logger: Logger) {
        self.logger.withLock { $0 = logger }
        _ = initialized
    }

    /// Gives freed memory of the C library back to the system. Takes milliseconds: not for an event loop or the cooperative pool.
    package static func returnFreedMemory() { cchat_return_freed_memory() }

    static func ensureStarted() { _ = initialized }

    private static func log(_ level: ggml_log_level, _ text: UnsafePointer<CChar>?) {
        guard let text, let logger = logger.withLock({ $0 }) else { return }
        let message = String(cString: text).trimmingNewlines
        if message.isEmpty || message.allSatisfy({ $0 == "." }) { return }  // progress dots
        switch level {
        case GGML_LOG_LEVEL_ERROR: logger.error("llama.cpp", metadata: ["message": "\(message)"])
        case GGML_LOG_LEVEL_WARN: logger.debug("llama.cpp warns", metadata: ["message": "\(message)"])
        default: logger.trace("llama.cpp", metadata: ["message": "\(message)"])
        }
    }

    /// What this llama.cpp was built from.
    package static var build: String { String(cString: shimmy_llama_build) }

    /// The instruction sets that its CPU backend was built with, as `NAME = 1` pairs.
    package static var cpuFeatures: [String] {
        ensureStarted()
        return String(cString: llama_print_system_info()).split(separator: "|").map { $0.trimmingSpaces }
            .filter { !$0.isEmpty }
            .map { $0.hasPrefix("CPU : ") ? String($0.dropFirst(6)) : $0 }
    }

    /// A device that llama.cpp can compute on.
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
