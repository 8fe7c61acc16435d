import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyCore
import ShimmyServer

/// The options that limit the server resources that clients can use.
struct LimitOptions: ParsableArguments {
    @Option(help: .setting(.maxConnections))
    var maxConnections: Int?

    @Option(help: .setting(.maxClientConnections))
    var maxClientConnections: Int?

    @Option(help: .setting(.maxRequests))
    var maxRequests: Int?

    @Option(help: .setting(.maxBody), transform: ByteSize.parse)
    var maxBody: Int?

    @Option(help: .setting(.bodyMemory), transform: ByteSize.parse)
    var bodyMemory: Int?

    @Option(help: .setting(.writeSeconds))
    var writeSeconds: Int?

    @Option(help: .setting(.wrongKeys))
    var wrongKeys: Int?

    private static let largestBody = 1_000_000_000

    func validate() throws {
        try OptionRanges.check(.maxConnections, maxConnections)
        try OptionRanges.check(.maxClientConnections, maxClientConnections)
        try OptionRanges.check(.maxRequests, maxRequests)
        try OptionRanges.check(.writeSeconds, writeSeconds)
        try OptionRanges.check(.wrongKeys, wrongKeys)
    }

    /// Sets the limits. Throws `ValidationError` for a size that is malformed, for a body limit above 1 GB, and for a body memory below the body
    /// limit.
    func apply(to limits: inout ServerLimits, _ environment: Environment, _ logger: Logger) throws {
        if let count = maxConnections ?? environment.integer(.maxConnections) { limits.connections = count }
        if let count = maxClientConnections ?? environment.integer(.maxClientConnections) { limits.clientConnections = count }
        if let count = maxRequests ?? environment.integer(.maxRequests) { limits.requests = count }
        if let seconds = writeSeconds ?? environment.integer(.writeSeconds) { limits.writeTime = .seconds(seconds) }
        if let count = wrongKeys ?? environment.integer(.wrongKeys) { limits.wrongKeys = count }
        if let bytes = try maxBody ?? environment.size(.maxBody) { limits.input.bodyBytes = bytes }
        if let bytes = try bodyMemory ?? environment.size(.bodyMemory) { limits.bodyMemory = bytes }
        guard limits.input.bodyBytes <= Self.largestBody else { throw ValidationError("--max-body must be at most \(Self.largestBody) bytes.") }
        guard limits.bodyMemory >= limits.input.bodyBytes else {
            throw ValidationError(
                "--body-memory (\(limits.bodyMemory)) is less than --max-body (\(limits.input.bodyBytes)); it must be at least as large.")
        }
        fitConnections(&limits, logger)
    }

    /// Lowers the limit on connections to fit the limit on open files. If connections used all file descriptors, the server could not open a model or
    /// its database.
    private func fitConnections(_ limits: inout ServerLimits, _ logger: Logger) {
        let files = OpenFiles.raiseLimit()
        limits.openFiles = files
        let room = OpenFiles.connections(within: files)
        guard limits.connections > room else { return }
        logger.warning(
            "fewer connections than configured: the limit on open files is too low (ulimit -n)",
            metadata: [
                "open_files": .stringConvertible(files), "connections": .stringConvertible(room),
                "configured": .stringConvertible(limits.connections),
            ])
        limits.connections = room
    }
}
