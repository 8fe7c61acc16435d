/// The unit file of the service for systemd. See systemd.unit(5), systemd.service(5) and systemd.exec(5).
package struct SystemdUnit: Sendable {
    package static let name = "shimmy.service"
    package static let socketName = "shimmy.socket"

    private let service: ServiceDefinition

    package init(_ service: ServiceDefinition) { self.service = service }

    package var text: String {
        let sections = [("Unit", unit), ("Service", execution + sandbox), ("Install", [installation])]
        return Self.text(sections)
    }

    /// The unit file of the sockets that systemd opens for the service; nil if the service opens its own. See systemd.socket(5).
    package var socketText: String? {
        if service.sockets.isEmpty { return nil }
        var lines = service.sockets.map { "ListenStream=" + $0.replacing("%", with: "%%") }
        if service.sockets.contains(where: { $0.hasPrefix("/") }) {
            lines.append("SocketMode=0660")
            if let account = service.account { lines += ["SocketUser=\(account)", "SocketGroup=\(account)"] }
        }
        return Self.text([
            ("Unit", ["Description=Addresses of Shimmy, a local LLM server", "Documentation=man:shimmy(1)"]), ("Socket", lines),
            ("Install", ["WantedBy=sockets.target"]),
        ])
    }

    private static func text(_ sections: [(String, [String])]) -> String {
        sections.map { "[\($0.0)]\n" + $0.1.map { $0 + "\n" }.joined() }.joined(separator: "\n")
    }

    /// The line that decides when the service starts.
    private var installation: String { service.sockets.isEmpty ? "WantedBy=\(target)" : "Also=\(Self.socketName)" }

    private var target: String { service.scope == .system ? "multi-user.target" : "default.target" }

    private var unit: [String] {
        var lines = ["Description=Shimmy, a local LLM server", "Documentation=man:shimmy(1)"]
        if !service.sockets.isEmpty { lines.append("Requires=\(Self.socketName)") }
        // The targets of the network belong to the system's manager.
        return service.scope == .system ? lines + ["Wants=network-online.target", "After=network-online.target"] : lines
    }

    private var execution: [String] {
        var lines = ["Type=notify", "ExecStart=" + ([service.program] + service.arguments).map(Self.quoted).joined(separator: " ")]
        lines.append("ExecReload=/bin/kill -HUP $MAINPID")
        for (name, value) in service.environment { lines.append("Environment=" + Self.quoted("\(name)=\(value)", isCommand: false)) }
        lines += [
            "Restart=on-failure", "RestartSec=2",
            // A model that does not exist, an address without a key and wrong options stay wrong.
            "RestartPreventExitStatus=3 6 64",
            // The server lets running answers finish.
            "TimeoutStopSec=60", "KillMode=mixed", "WatchdogSec=60", "LimitNOFILE=65536",
        ]
        guard service.scope == .system else { return lines }
        if let account = service.account {
            lines += ["User=\(account)", "Group=\(account)"]
        } else {
            lines.append("DynamicUser=yes")
        }
        return lines + ["StateDirectory=shimmy", "CacheDirectory=shimmy", "ConfigurationDirectory=shimmy", "UMask=0077"]
    }

    /// The restrictions of the process. A user's manager can only apply those that need no privileges.
    private var sandbox: [String] {
        var lines = [
            "NoNewPrivileges=yes", "LockPersonality=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "SystemCallArchitectures=native",
            "SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        ]
        if !service.usesGPU { lines.append("MemoryDenyWriteExecute=yes") }
        guard service.scope == .system else { return lines }
        lines += [
            "CapabilityBoundingSet=", "AmbientCapabilities=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "ProtectClock=yes",
            "ProtectControlGroups=yes", "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes",
            "ProtectProc=invisible", "RestrictNamespaces=yes", "RemoveIPC=yes",
        ]
        if !service.usesGPU { lines.append("PrivateDevices=yes") }
        return lines
    }

    /// Returns a word as systemd reads it: `%` begins a specifier, in commands `$` begins a variable, and quotes keep spaces.
    static func quoted(_ text: String, isCommand: Bool) -> String {
        var isPlain = !text.isEmpty
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "%": escaped += "%%"
            case "$" where isCommand: escaped += "$$"
            case "\\", "\"":
                escaped += "\\" + String(character)
                isPlain = false
            case "\n":
                escaped += "\\n"
                isPlain = false
            case " ", "\t", "'", ";":
                escaped.unicodeScalars.append(character)
                isPlain = false
            default: escaped.unicodeScalars.append(character)
            }
        }
        return isPlain ? escaped : "\"\(escaped)\""
    }

    private static func quoted(_ text: String) -> String { quoted(text, isCommand: true) }
}
