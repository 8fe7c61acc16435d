import Foundation

/// Asks the person at the terminal.
enum Prompt {
    /// Whether there is one: the question goes to standard error, the answer comes from standard input.
    static var isPossible: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// - isDefault: what Enter alone means.
    static func yes(_ question: String, isDefault: Bool) -> Bool {
        Console.log("\(question) \(isDefault ? "[Y/n]" : "[y/N]") ", terminator: "")
        guard let answer = readLine()?.lowercased().trimmingCharacters(in: .whitespaces) else { return false }
        return answer.isEmpty ? isDefault : ["y", "yes"].contains(answer)
    }
}
