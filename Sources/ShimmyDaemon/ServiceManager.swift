// This module connects the program to the service manager of the machine: systemd on Linux, launchd on macOS.

/// A program that starts services, restarts them and keeps their logs.
package enum ServiceManager: Sendable, Equatable, CaseIterable {
    case systemd
    case launchd

    /// The manager of this system.
    package static var current: ServiceManager {
        #if os(macOS)
            .launchd
        #else
            .systemd
        #endif
    }
}

/// The owner of a service.
package enum ServiceScope: Sendable, Equatable {
    /// The service runs as the user who installed it, while that user is logged in.
    case user
    /// The service runs from the start of the machine on, as an account with no other rights.
    case system
}
