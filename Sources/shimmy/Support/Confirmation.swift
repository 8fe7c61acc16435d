import Foundation

/// Yes-or-no questions to the user at the terminal.
enum Confirmation {
    /// Whether the user can be asked: the question goes to standard error, the answer comes from standard input, and both are a terminal.
    static var isPossible: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// Asks a question and returns the answer; false at the end of the input.
    /// - isDefault: the answer for Enter alone.
    static func yes(_ question: String, isDefault: Bool) -> Bool {
        Console.log("\(question) \(isDefault ? "[Y/n]" : "[y/N]") ", terminator: "")
        guard let answer = readLine()?.lowercased().trimmingCharacters(in: .whitespaces) else { return false }
        return answer.isEmpty ? isDefault : ["y", "yes"].contains(answer)
    }
}
