/// The steps that install or remove the service, or show its state. The command line prints them or carries them out.
package struct ServicePlan: Sendable, Equatable {
    package enum Step: Sendable, Equatable {
        case write(path: String, text: String)
        case remove(path: String)
        /// - mayFail: whether the next steps are useful even if the command fails.
        case run([String], mayFail: Bool)
    }

    package var steps: [Step]

    /// The places of a user or the system that a plan needs.
    package struct Places: Sendable, Equatable {
        package var home: String
        /// The directory of the user's configuration files.
        package var configuration: String
        /// The user's ID.
        package var user: UInt32

        package init(home: String, configuration: String, user: UInt32) {
            self.home = home
            self.configuration = configuration
            self.user = user
        }
    }

    // MARK: Files

    /// Returns the path of the file that describes the service to its manager.
    package static func file(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places) -> String {
        switch (manager, scope) {
        case (.systemd, .user): "\(places.configuration)/systemd/user/\(SystemdUnit.name)"
        case (.systemd, .system): "/etc/systemd/system/\(SystemdUnit.name)"
        case (.launchd, .user): "\(places.home)/Library/LaunchAgents/\(LaunchdJob.label).plist"
        case (.launchd, .system): "/Library/LaunchDaemons/\(LaunchdJob.label).plist"
        }
    }

    /// Returns the path of the file that describes the sockets of the service to systemd; nil for another manager.
    package static func socketFile(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places) -> String? {
        guard manager == .systemd else { return nil }
        return scope == .user ? "\(places.configuration)/systemd/user/\(SystemdUnit.socketName)" : "/etc/systemd/system/\(SystemdUnit.socketName)"
    }

    /// Returns the files in which a package can define the service.
    package static func packageFiles(_ manager: ServiceManager, _ scope: ServiceScope) -> [String] {
        guard manager == .systemd else { return [] }
        let folder = scope == .user ? "user" : "system"
        return ["/etc", "/usr/lib", "/lib"].map { "\($0)/systemd/\(folder)/\(SystemdUnit.name)" }
    }

    /// Returns the file of the service's output on macOS. systemd has its own journal.
    package static func log(_ scope: ServiceScope, _ places: Places) -> String {
        scope == .user ? "\(places.home)/Library/Logs/shimmy.log" : "/Library/Logs/shimmy.log"
    }

    /// Returns the content of the file.
    package static func text(_ manager: ServiceManager, _ service: ServiceDefinition, _ places: Places) -> String {
        switch manager {
        case .systemd: SystemdUnit(service).text
        case .launchd: LaunchdJob(service, log: log(service.scope, places)).text
        }
    }

    // MARK: Steps

    /// - hasSocket: whether the installed service, which the new one replaces, has sockets of systemd.
    package static func install(
        _ manager: ServiceManager, _ service: ServiceDefinition, _ places: Places, hasSocket: Bool = false
    ) -> ServicePlan {
        let path = file(manager, service.scope, places)
        let write = Step.write(path: path, text: text(manager, service, places))
        switch manager {
        case .systemd:
            let control = control(service.scope)
            let start: [Step] = accountSteps(service) + [write]
            if let text = SystemdUnit(service).socketText, let socketPath = socketFile(manager, service.scope, places) {
                let open: [Step] = [
                    .write(path: socketPath, text: text), .run(control + ["daemon-reload"], mayFail: false),
                    // The sockets cannot be opened while a service uses their addresses.
                    .run(control + ["disable", "--now", SystemdUnit.name], mayFail: true),
                    .run(control + ["enable", SystemdUnit.socketName], mayFail: false),
                    .run(control + ["restart", SystemdUnit.socketName], mayFail: false),
                ]
                return ServicePlan(steps: start + open)
            }
            let close: [Step] = hasSocket ? removeSocket(manager, service.scope, places) : []
            let run: [Step] = [
                .run(control + ["daemon-reload"], mayFail: false), .run(control + ["enable", SystemdUnit.name], mayFail: false),
                // A running service gets the new file.
                .run(control + ["restart", SystemdUnit.name], mayFail: false),
            ]
            return ServicePlan(steps: start + close + run)
        case .launchd:
            let domain = domain(service.scope, places)
            return ServicePlan(steps: [
                write, .run(["launchctl", "bootout", "\(domain)/\(LaunchdJob.label)"], mayFail: true),
                .run(["launchctl", "bootstrap", domain, path], mayFail: false),
            ])
        }
    }

    /// Returns the steps that create the account of a system service. systemd-sysusers(8) leaves an existing account as it is.
    private static func accountSteps(_ service: ServiceDefinition) -> [Step] {
        guard service.scope == .system, let account = service.account else { return [] }
        return [
            .write(path: accountFile, text: "u \(account) - \"Shimmy\" /var/lib/shimmy\n"), .run(["systemd-sysusers", accountFile], mayFail: false),
        ]
    }

    /// Returns the steps that close and remove the sockets of systemd.
    private static func removeSocket(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places) -> [Step] {
        guard let path = socketFile(manager, scope, places) else { return [] }
        return [.run(control(scope) + ["disable", "--now", SystemdUnit.socketName], mayFail: true), .remove(path: path)]
    }

    private static let accountFile = "/etc/sysusers.d/shimmy.conf"

    /// Returns the steps that stop and remove the service. Its data and its account stay.
    /// - hasSocket: whether the service has sockets of systemd.
    package static func uninstall(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places, hasSocket: Bool = false) -> ServicePlan {
        let remove = Step.remove(path: file(manager, scope, places))
        switch manager {
        case .systemd:
            let control = control(scope)
            let account = scope == .system ? [Step.remove(path: accountFile)] : []
            let close: [Step] = hasSocket ? removeSocket(manager, scope, places) : []
            let stop: [Step] = [.run(control + ["disable", "--now", SystemdUnit.name], mayFail: true), remove]
            return ServicePlan(steps: close + stop + account + [Step.run(control + ["daemon-reload"], mayFail: true)])
        case .launchd:
            return ServicePlan(steps: [.run(["launchctl", "bootout", "\(domain(scope, places))/\(LaunchdJob.label)"], mayFail: true), remove])
        }
    }

    /// Returns the command that shows the state of the service.
    package static func status(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places) -> [String] {
        switch manager {
        case .systemd: control(scope) + ["status", "--no-pager", SystemdUnit.name]
        case .launchd: ["launchctl", "print", "\(domain(scope, places))/\(LaunchdJob.label)"]
        }
    }

    /// Returns the command that prints the last lines of the log.
    /// - follows: whether the command also prints new lines until it is interrupted.
    package static func logs(_ manager: ServiceManager, _ scope: ServiceScope, _ places: Places, lines: Int, follows: Bool) -> [String] {
        switch manager {
        case .systemd:
            ["journalctl", scope == .user ? "--user-unit" : "--unit", SystemdUnit.name, "--lines", "\(lines)"]
                + (follows ? ["--follow"] : ["--no-pager"])
        case .launchd:
            ["tail", "-n", "\(lines)"] + (follows ? ["-F"] : []) + [log(scope, places)]
        }
    }

    private static func control(_ scope: ServiceScope) -> [String] { scope == .user ? ["systemctl", "--user"] : ["systemctl"] }

    private static func domain(_ scope: ServiceScope, _ places: Places) -> String { scope == .user ? "gui/\(places.user)" : "system" }
}
