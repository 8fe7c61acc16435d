import ArgumentParser
import Foundation
import ShimmyAccounts
import ShimmyCore
import ShimmyJSON
import ShimmyServer

struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show the usage of clients: requests, tokens and computing time.",
        discussion: "The days are those of UTC. A running server with the same data directory writes its usage about once a second.")

    enum Property: String, ExpressibleByArgument, CaseIterable { case key, user, model, endpoint, day }

    @OptionGroup var configuration: ConfigurationOptions

    @Option(parsing: .upToNextOption, help: "Properties to sum by: key, user, model, endpoint, day.")
    var by: [Property] = [.key]

    @Option(help: "Key, by its name or ID, whose usage to show. Default: all.")
    var key: String?

    @Option(help: "First day, such as 2026-12-31. Default: 30 days ago.")
    var since: String?

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print comma-separated values.")
    var csv = false

    func validate() throws {
        if json, csv { throw ValidationError("--json and --csv exclude each other. Use one of them.") }
        if Set(by).count != by.count { throw ValidationError("--by names a property twice.") }
        _ = try firstDay()
    }

    private func firstDay() throws -> Int {
        guard let since else { return UsageDay.today - 30 }
        guard let seconds = TimeText.seconds(since), seconds >= 0 else { throw ValidationError("'\(since)' is not \(TimeText.expectation).") }
        return seconds / UsageDay.seconds
    }

    func run() async throws {
        let (first, today) = (try firstDay(), UsageDay.today)
        let names = try await Self.names()
        var query = UsageQuery(days: first...max(first, today), by: by.compactMap { UsageQuery.Dimension(rawValue: $0.rawValue) })
        // A key without a name is not in the book; its ID is in the record alone.
        let known = names.filter { $0.key == key || $0.value == key }.map(\.key)
        if let key { query.filters[.key] = known.isEmpty ? [key] : known }
        let lines: [UsageLine]
        do {
            lines = try await AccountOptions.store.lines(query)
        } catch let error as UsageError {
            Console.error(error.description)
            throw ExitStatus.failure
        }
        if lines.isEmpty, known.isEmpty, let key {
            Console.error("there is no key '\(key)'." + NameSuggestions.text(for: key, among: Array(names.values)))
            throw ExitStatus.failure
        }
        if json {
            Console.print(JSON.array(lines.map { object($0, names) }).pretty())
        } else if csv {
            Console.print(Self.commaSeparated(headings + Self.sums, lines.map { texts($0, names) + Self.numbers($0.sums).map(\.text) }))
        } else if lines.isEmpty {
            Console.print("There is no usage since \(UsageDay.text(first)).")
        } else {
            Console.print(Console.table([headings.map { $0.uppercased() } + Self.titles] + lines.map { texts($0, names) + Self.cells($0.sums) }))
        }
    }

    /// Returns the names of keys by their ids.
    private static func names() async throws -> [String: String] {
        let stored = try await KeyCommand.reportingErrors { try await KeyCommand.book.current().all }
        // Keys of the configuration come last: an id belongs to one of them at most.
        let keys = stored + (try ConfiguredKeys.read().map(\.key))
        return Dictionary(keys.map { ($0.id, $0.name) }, uniquingKeysWith: { _, last in last })
    }

    // MARK: Rows

    private static let sums = [
        "requests", "errors", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "compute_seconds",
    ]
    private static let titles = ["REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "REASONING", "SECONDS"]

    private var headings: [String] { by.map(\.rawValue) }

    /// Returns the properties of a line, with names of keys and dates.
    private func texts(_ line: UsageLine, _ names: [String: String]) -> [String] {
        zip(by, line.values).map { property, value in
            switch property {
            case .key: names[value] ?? value
            case .day: Int(value).map { UsageDay.text($0) } ?? value
            case .user, .model: value.isEmpty ? "-" : value
            case .endpoint: value
            }
        }
    }

    private static func cells(_ sums: UsageSums) -> [String] {
        [
            "\(sums.requests)", "\(sums.errors)", "\(sums.inputTokens)", "\(sums.cachedTokens)", "\(sums.outputTokens)",
            "\(sums.reasoningTokens)", "\(sums.milliseconds / 1000).\(sums.milliseconds % 1000 / 100)",
        ]
    }

    private static func numbers(_ sums: UsageSums) -> [JSON] {
        [
            .int(sums.requests), .int(sums.errors), .int(sums.inputTokens), .int(sums.cachedTokens), .int(sums.outputTokens),
            .int(sums.reasoningTokens), .double(Double(sums.milliseconds) / 1000),
        ]
    }

    private func object(_ line: UsageLine, _ names: [String: String]) -> JSON {
        var object: JSONObject = [:]
        for (property, value) in zip(by, line.values) {
            switch property {
            case .key:
                object["key"] = names[value].map(JSON.string) ?? JSON.null
                object["key_id"] = .string(value)
            case .day: object["day"] = .string(Int(value).map { UsageDay.text($0) } ?? value)
            case .user, .model: object[property.rawValue] = value.isEmpty ? JSON.null : .string(value)
            case .endpoint: object["endpoint"] = .string(value)
            }
        }
        for (name, number) in zip(Self.sums, Self.numbers(line.sums)) { object[name] = number }
        return .object(object)
    }

    /// Returns rows in the form of RFC 4180.
    private static func commaSeparated(_ headings: [String], _ rows: [[String]]) -> String {
        ([headings] + rows).map { row in row.map(quoted).joined(separator: ",") }.joined(separator: "\n")
    }

    private static func quoted(_ cell: String) -> String {
        // A spreadsheet takes a text that begins like this as a formula.
        let isFormula = ["=", "+", "-", "@"].contains { cell.hasPrefix($0) } && cell.count > 1
        let safe = isFormula ? "'" + cell : cell
        return safe.contains { $0 == "," || $0 == "\"" || $0.isNewline } ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
    }
}
