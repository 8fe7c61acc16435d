/// A service to install: the command to run, and its surroundings.
package struct ServiceDefinition: Sendable, Equatable {
    package var scope: ServiceScope
    /// The absolute path of the program.
    package var program: String
    /// The arguments of the program, without its name.
    package var arguments: [String]
    /// Additional environment variables.
    package var environment: [(name: String, value: String)]
    /// The account that a system service runs as; nil for one that systemd creates while the service runs.
    package var account: String?
    /// Whether the service may use graphics cards, whose drivers need device files and memory that is both writable and executable.
    package var usesGPU: Bool
    /// The addresses that systemd opens for the service, which starts with the first connection; empty if the service opens its own.
    package var sockets: [String]

    package init(
        scope: ServiceScope, program: String, arguments: [String] = [], environment: [(name: String, value: String)] = [], account: String? = nil,
        usesGPU: Bool = false, sockets: [String] = []
    ) {
        self.scope = scope
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.account = account
        self.usesGPU = usesGPU
        self.sockets = sockets
    }

    package static func == (left: ServiceDefinition, right: ServiceDefinition) -> Bool {
        left.scope == right.scope && left.program == right.program && left.arguments == right.arguments
            && left.environment.elementsEqual(right.environment) { $0 == $1 } && left.account == right.account && left.usesGPU == right.usesGPU
            && left.sockets == right.sockets
    }
}
