import Foundation

// libFuzzer calls these functions. One program holds all targets: FUZZ_TARGET names the one that it runs.

/// Code that reads bytes from outside. It must return for all bytes, in time and memory with a bound.
struct Target: Sendable {
    let name: String
    /// Prepares what all inputs share, such as a folder.
    var start: @Sendable () -> Void = {}
    let run: @Sendable ([UInt8]) -> Void
}

enum Harness {
    static let targets: [Target] = textTargets + fileTargets + grammarTargets

    static let current: Target = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = targets.first(where: { $0.name == name }) else {
            print("FUZZ_TARGET must be one of: \(targets.map(\.name).joined(separator: " "))")
            exit(2)
        }
        target.start()
        return target
    }()

    /// A folder of this process's own, in memory where the system has that.
    static let folder: String = {
        let path = (ProcessInfo.processInfo.environment["FUZZ_FOLDER"] ?? FileManager.default.temporaryDirectory.path) + "/fuzz-\(getpid())"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }()

    /// Ends the process as a crash does: the input is kept.
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
