import Foundation

// The functions that libFuzzer calls. One program contains all targets; the variable FUZZ_TARGET selects the one to run.

/// A fuzz target: code that reads bytes from outside. It must return for all inputs within bounded time and memory.
struct Target: Sendable {
    let name: String
    /// Prepares resources that all inputs share, such as a folder.
    var start: @Sendable () -> Void = {}
    let run: @Sendable ([UInt8]) -> Void
}

enum Harness {
    static let targets: [Target] = textTargets + fileTargets + grammarTargets + frameTargets + requestTargets + upstreamTargets

    static let current: Target = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = targets.first(where: { $0.name == name }) else {
            print("FUZZ_TARGET must be one of: \(targets.map(\.name).joined(separator: " "))")
            exit(2)
        }
        target.start()
        return target
    }()

    /// A folder for this process, in memory if the system supports it.
    static let folder: String = {
        let path = (ProcessInfo.processInfo.environment["FUZZ_FOLDER"] ?? FileManager.default.temporaryDirectory.path) + "/fuzz-\(getpid())"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }()

    /// Ends the process like a crash if `condition` is false, so that libFuzzer keeps the input.
    static func require(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { fatalError(what()) }
    }
}

@_cdecl("LLVMFuzzerInitialize") public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> CInt {
    _ = Harness.current
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput") public func test(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    Harness.current.run(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}
