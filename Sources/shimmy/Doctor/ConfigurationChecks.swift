import ArgumentParser
import Foundation
import ShimmyConfiguration
import ShimmyCore
import ShimmyServer

/// Checks of the configuration file, the environment and the files of keys.
enum ConfigurationChecks {
    static var findings: [Finding] { file + environment + keyFile + access }

    private static var file: [Finding] {
        let path = ProcessConfiguration.shared.path
        guard FileManager.default.fileExists(atPath: path) else { return [.fine("configuration", "no file; all settings have their defaults")] }
        var content = ProcessConfiguration.read(path)
        PresetCheck.checkBases(&content)
        if !content.problems.isEmpty {
            return content.problems.map { .problem("configuration", "\($0)", "Correct the file; 'shimmy config check' checks it again.") }
        }
        let hasKeys = content.values[Setting.apiKey.variable] != nil
        return [hasKeys ? privacy("configuration", path) : .fine("configuration", path)]
    }

    private static var environment: [Finding] {
        do {
            try OptionRanges.checkEnvironment()
            try OptionRanges.checkKeys()
            return []
        } catch {
            return [.problem("environment", "\(error)", "Correct the variable, or unset it.")]
        }
    }

    private static var keyFile: [Finding] {
        guard let path = Environment.process.given(.apiKeyFile) else { return [] }
        do {
            _ = try APIKeyFile.read(path)
            return [privacy("key file", path)]
        } catch {
            return [.problem("key file", "\(error)", "Correct api_key_file or the file.")]
        }
    }

    /// Returns the finding about a file with secrets, which must be private.
    private static func privacy(_ subject: String, _ path: String) -> Finding {
        guard let mode = AtomicFile.permissions(of: path), mode & 0o077 != 0 else { return .fine(subject, path) }
        return .warning(subject, "\(path) contains API keys, and other users can read it", "chmod 600 \(path)")
    }

    private static var access: [Finding] {
        let environment = Environment.process
        if environment.flag(.socketOnly) || environment.given(.tlsClientCA) != nil { return [] }
        let shared = environment.given(.host).flatMap { $0.hasPrefix("unix:") ? nil : SharedHost.parse($0).host } ?? "127.0.0.1"
        let hosts = [shared] + environment.list(.listen).compactMap { ListenAddress($0)?.host }
        let host = hosts.first { !HostName.isLoopback($0) } ?? shared
        let hasKeys =
            !environment.list(.apiKey).isEmpty || environment.given(.apiKeyFile) != nil
            || !(ProcessConfiguration.shared.file?.keys ?? []).isEmpty
        if HostName.isLoopback(host) || hasKeys { return [] }
        let advice = "Create a key with 'shimmy key create', or set api_key or api_key_file."
        return [
            environment.flag(.insecure)
                ? .warning("access", "other machines can use the server at \(host) without a key", advice)
                : .warning("access", "the server listens on \(host) only with an API key", advice)
        ]
    }
}
