import ArgumentParser
import ShimmyCore

extension KeepAlive {
    /// Parses the value of an option. Throws `ValidationError` if it is not a duration.
    static func parse(_ text: String) throws -> KeepAlive {
        guard let keepAlive = KeepAlive(text) else {
            throw ValidationError("'\(text)' is not a duration. Examples: 90s, 5m, 2h; -1 keeps the model for ever.")
        }
        return keepAlive
    }
}
