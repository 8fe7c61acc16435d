/// The property list of the service for launchd. See launchd.plist(5).
package struct LaunchdJob: Sendable {
    package static let label = "local.shimmy"

    private let service: ServiceDefinition
    /// The file for the output of the program.
    private let log: String

    package init(_ service: ServiceDefinition, log: String) {
        self.service = service
        self.log = log
    }

    package var text: String {
        var lines = [
            #"<?xml version="1.0" encoding="UTF-8"?>"#,
            #"<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">"#,
            #"<plist version="1.0">"#, "<dict>",
        ]
        lines += entry("Label", "<string>\(Self.label)</string>")
        let words = ([service.program] + service.arguments).map { "<string>\(Self.escaped($0))</string>" }
        lines += entry("ProgramArguments", "<array>" + words.joined() + "</array>")
        if !service.environment.isEmpty {
            let pairs = service.environment.map { "<key>\(Self.escaped($0.name))</key><string>\(Self.escaped($0.value))</string>" }
            lines += entry("EnvironmentVariables", "<dict>" + pairs.joined() + "</dict>")
        }
        if let account = service.account { lines += entry("UserName", "<string>\(Self.escaped(account))</string>") }
        lines += entry("RunAtLoad", "<true/>")
        // Start the program again after a failure, but not after it was stopped.
        lines += entry("KeepAlive", "<dict><key>SuccessfulExit</key><false/></dict>")
        lines += entry("ThrottleInterval", "<integer>10</integer>")
        lines += entry("ExitTimeOut", "<integer>60</integer>")
        lines += entry("ProcessType", "<string>Interactive</string>")
        lines += entry("Umask", "<integer>63</integer>")
        lines += entry("SoftResourceLimits", "<dict><key>NumberOfFiles</key><integer>65536</integer></dict>")
        lines += entry("StandardOutPath", "<string>\(Self.escaped(log))</string>")
        lines += entry("StandardErrorPath", "<string>\(Self.escaped(log))</string>")
        return (lines + ["</dict>", "</plist>"]).map { $0 + "\n" }.joined()
    }

    private func entry(_ key: String, _ value: String) -> [String] { ["    <key>\(key)</key>", "    \(value)"] }

    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
