import ArgumentParser
import ShimmyCore

extension KeepAlive {
    /// Throws `ValidationError` for what is no time.
    static func parse(_ text: String) throws -> KeepAlive {
        guard let keepAlive = KeepAlive(text) else { throw ValidationError("'\(text)' is no time; 90s, 5m and 2h are some, and -1 is for ever.") }
        return keepAlive
    }
}
