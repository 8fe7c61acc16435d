import ArgumentParser
import Logging
import ShimmyConfiguration
import ShimmyCore
import ShimmyServer

/// The options that limit the server resources that clients can use.
struct LimitOptions: ParsableArguments {
    @Option(
        help: "Max open connections; the limit on open files can lower this number. Default: 10000. [SHIMMY_MAX_CONNECTIONS]")
    var maxConnections: Int?

    @Option(help: "Max open connections from one address; addresses of this machine are exempt. Default: 1000. [SHIMMY_MAX_CLIENT_CONNECTIONS]")
    var maxClientConnections: Int?

    @Option(help: "Max requests in flight. Default: 4096. [SHIMMY_MAX_REQUESTS]")
    var maxRequests: Int?

    @Option(help: "Max bytes of a request body, at most 1G. Default: 32 MiB. [SHIMMY_MAX_BODY]", transform: ByteSize.parse)
    var maxBody: Int?

    @Option(
        help: "Max total bytes of all request bodies in processing. Default: 256 MiB. [SHIMMY_BODY_MEMORY]", transform: ByteSize.parse)
    var bodyMemory: Int?

    @Option(
        help: """
            Seconds to wait for a client to read more of its response before the server closes the connection. Default: 60. \
            [SHIMMY_WRITE_SECONDS]
            """)
    var writeSeconds: Int?

    private static let largestBody = 1_000_000_000

    func validate() throws {
        try OptionRanges.check("max_connections", maxConnections)
        try OptionRanges.check("max_client_connections", maxClientConnections)
        try OptionRanges.check("max_requests", maxRequests)
        try OptionRanges.check("write_seconds", writeSeconds)
    }

    /// Sets the limits that are given by options or the environment. Throws `ValidationError` for a size that is malformed, for a body limit above 1
    /// GB, and for a body memory below the body limit.
    func apply(to limits: inout ServerLimits, _ environment: Environment, _ logger: Logger) throws {
        if let count = maxConnections ?? environment.integer("SHIMMY_MAX_CONNECTIONS") { limits.connections = count }
        if let count = maxClientConnections ?? environment.integer("SHIMMY_MAX_CLIENT_CONNECTIONS") { limits.clientConnections = count }
        if let count = maxRequests ?? environment.integer("SHIMMY_MAX_REQUESTS") { limits.requests = count }
        if let seconds = writeSeconds ?? environment.integer("SHIMMY_WRITE_SECONDS") { limits.writeTime = .seconds(seconds) }
        if let bytes = try maxBody ?? environment.string("SHIMMY_MAX_BODY").map(ByteSize.parse) { limits.input.bodyBytes = bytes }
        if let bytes = try bodyMemory ?? environment.string("SHIMMY_BODY_MEMORY").map(ByteSize.parse) { limits.bodyMemory = bytes }
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
        let room = OpenFiles.connections(within: files)
        guard limits.connections > room else { return }
        logger.warning(
            "fewer connections than configured: the limit on open files is too low (ulimit -n)",
            metadata: ["open_files": "\(files)", "connections": "\(room)", "configured": "\(limits.connections)"])
        limits.connections = room
    }
}
