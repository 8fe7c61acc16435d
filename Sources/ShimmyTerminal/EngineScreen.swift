/// The text of `shimmy top`: snapshots become rows of a terminal. It keeps some numbers of earlier snapshots, to show rates.
package struct EngineScreen: Sendable {
    private var last: EngineSnapshot?
    /// The recent tokens per second of each model by name, and of each sequence by model and id.
    private var speeds: [String: Double] = [:]
    private var sequenceSpeeds: [SequenceKey: Double] = [:]
    private var firstTokens: [Double] = []
    /// The number of answers whose first token counts.
    private static let mostFirstTokens = 100
    /// The weight of the newest rate of a sequence.
    private static let weight = 0.5

    private struct SequenceKey: Hashable {
        let model: String
        let id: Int
    }

    package init() {}

    // MARK: Snapshots

    /// Takes in the next snapshot.
    package mutating func update(_ snapshot: EngineSnapshot) {
        let seconds = last.map { snapshot.time - $0.time } ?? 0
        var (newSpeeds, newSequenceSpeeds): ([String: Double], [SequenceKey: Double]) = ([:], [:])
        for model in snapshot.models {
            let earlierModel = last?.models.first { $0.name == model.name }
            guard seconds > 0, let before = earlierModel, model.generated >= before.generated else { continue }
            newSpeeds[model.name] = Double(model.generated - before.generated) / seconds
            let earlier = Dictionary(before.sequences.map { ($0.id, $0.generated) }, uniquingKeysWith: { $1 })
            for sequence in model.sequences where sequence.stage == "decode" {
                guard let generated = earlier[sequence.id], sequence.generated >= generated else { continue }
                let key = SequenceKey(model: model.name, id: sequence.id)
                let speed = Double(sequence.generated - generated) / seconds
                newSequenceSpeeds[key] = sequenceSpeeds[key].map { $0 + Self.weight * (speed - $0) } ?? speed
            }
        }
        (speeds, sequenceSpeeds, last) = (newSpeeds, newSequenceSpeeds, snapshot)
        firstTokens = Array((firstTokens + snapshot.firstTokens).suffix(Self.mostFirstTokens))
    }

    // MARK: Rows

    /// Returns the rows to show.
    /// - width: the max number of cells of a row.
    /// - height: the max number of rows; nil for no limit. Sequences are left out first.
    package func rows(width: Int, height: Int? = nil) -> [String] {
        guard let last else { return [Self.fitted("Waiting for the server.", width)] }
        guard let height else { return all(last, width: width, most: Int.max) }
        let longest = last.models.map(\.sequences.count).max() ?? 0
        // Few rows more or less decide, so that all numbers of sequences are tried.
        for most in stride(from: min(longest, height), through: 0, by: -1) {
            let rows = all(last, width: width, most: most)
            if rows.count <= height { return rows }
        }
        return Array(all(last, width: width, most: 0).prefix(max(0, height)))
    }

    private func all(_ snapshot: EngineSnapshot, width: Int, most: Int) -> [String] {
        var rows = [head(snapshot)]
        if snapshot.waiting > 0 {
            rows.append("\(snapshot.waiting) \(snapshot.waiting == 1 ? "request waits" : "requests wait") for a model to load, or for memory")
        }
        if snapshot.models.isEmpty { rows += ["", "No model is loaded."] }
        for model in snapshot.models {
            rows.append("")
            rows.append(title(model))
            guard let total = model.cellsTotal, total > 0 else { continue }
            rows.append("  cells  " + cells(model, total: total, width: width))
            if !model.steps.isEmpty { rows.append("  steps  " + steps(model, width: width)) }
            rows += sequences(model, width: width, most: most)
        }
        if !snapshot.upstreams.isEmpty { rows.append("") }
        rows += snapshot.upstreams.map { upstream in
            let health = upstream.isHealthy.map { $0 ? "healthy" : "does not answer" } ?? "unknown"
            return "upstream \(upstream.name)  \(health)  \(upstream.running) running"
        }
        return rows.map { Self.fitted($0, width) }
    }

    private func head(_ snapshot: EngineSnapshot) -> String {
        let running = snapshot.models.reduce(0) { $0 + $1.running }
        let waiting = snapshot.models.reduce(snapshot.waiting) { $0 + $1.waiting }
        var parts = ["shimmy \(snapshot.server)", "\(running) running, \(waiting) waiting"]
        if !speeds.isEmpty { parts.append("\(Self.decimal(speeds.values.reduce(0, +))) tokens/s") }
        if !firstTokens.isEmpty { parts.append("first token \(Self.duration(firstTokens.sorted()[firstTokens.count / 2]))") }
        if !snapshot.memory.isEmpty { parts.append("memory \(snapshot.memory)") }
        return parts.joined(separator: "   ")
    }

    private func title(_ model: EngineSnapshot.Model) -> String {
        if model.state == "loading" { return "\(model.name)   loading\(model.progress.map { " \(Self.percent($0))" } ?? "")" }
        let limit = model.runningLimit.map { " of \($0)" } ?? ""
        var parts = [model.name, "\(model.running)\(limit) running"]
        if model.waiting > 0 {
            let isFull = model.runningLimit.map { model.running >= $0 } ?? false
            parts.append("\(model.waiting) waiting for \(isFull ? "a place" : model.running > 0 ? "cells" : "the next step")")
        }
        if let speed = speeds[model.name], speed > 0 { parts.append("\(Self.decimal(speed)) tokens/s") }
        if !model.memory.isEmpty { parts.append(model.memory) }
        return parts.joined(separator: "   ")
    }

    private func cells(_ model: EngineSnapshot.Model, total: Int, width: Int) -> String {
        let used = min(max(0, model.cellsUsed), total)
        let shared = model.cellsShared > 0 ? ", sharing saves \(model.cellsShared)" : ""
        return Self.bar([(Double(used) / Double(total), "█")], cells: Self.barWidth(width)) + "  \(used) of \(total)\(shared)"
    }

    private func steps(_ model: EngineSnapshot.Model, width: Int) -> String {
        let shown = model.steps.suffix(Self.barWidth(width))
        let longest = max(shown.map(\.seconds).max() ?? 0, model.gap ?? 0, 0.000_001)
        let levels = Array("▁▂▃▄▅▆▇█")
        let bars = shown.map { step -> Character in
            let share = min(1, max(0, step.seconds / longest))
            return levels[min(levels.count - 1, Int(share * Double(levels.count)))]
        }
        let recent = shown.suffix(8)
        let mean = recent.reduce(0) { $0 + $1.seconds } / Double(max(1, recent.count))
        let rows = recent.reduce(into: (prefill: 0, decode: 0)) { $0 = ($0.prefill + $1.prefillRows, $0.decode + $1.decodeRows) }
        func perStep(_ count: Int) -> String { Self.decimal(Double(count) / Double(max(1, recent.count))) }
        let padding = String(repeating: " ", count: max(0, Self.barWidth(width) - bars.count))
        let target = model.gap.map { $0 > 0 ? " of \(Self.duration($0))" : "" } ?? ""
        return padding + String(bars) + "  \(Self.duration(mean))\(target), rows: \(perStep(rows.decode)) decode, \(perStep(rows.prefill)) prefill"
    }

    /// Returns a table of the sequences with a bar for each prompt: its cached, computed and missing parts.
    private func sequences(_ model: EngineSnapshot.Model, width: Int, most: Int) -> [String] {
        let shown = model.sequences.prefix(most)
        let hidden = model.running + model.waiting - shown.count
        let owners = min(20, shown.map(\.owner.cells).max() ?? 0)
        let bar = width >= 90 ? 16 : width >= 60 ? 8 : 0
        var rows = shown.map { sequence -> String in
            let length = Double(max(1, sequence.prompt))
            let cached = min(1, max(0, Double(sequence.cached) / length))
            let computed = min(1, max(cached, Double(sequence.computed) / length))
            let speed = sequenceSpeeds[SequenceKey(model: model.name, id: sequence.id)].map { "  \(Self.decimal($0)) tokens/s" } ?? ""
            var row = "  " + Self.padded(sequence.owner.prefix(cells: owners), owners) + "  " + Self.padded(sequence.stage, 7)
            if bar > 0 { row += "  " + Self.bar([(cached, "▓"), (computed - cached, "█")], cells: bar) }
            row += "  " + Self.padded("\(sequence.prompt) in", 9) + Self.padded("\(sequence.cached) cached", 13)
            return row + "\(sequence.generated) out\(speed)"
        }
        if hidden > 0 { rows.append("  and \(hidden) more") }
        return rows
    }

    // MARK: Text

    private static func barWidth(_ width: Int) -> Int { min(60, max(8, width / 3)) }

    /// Returns a bar of parts with their share of the whole and their character; the rest is `░`.
    private static func bar(_ parts: [(share: Double, mark: Character)], cells: Int) -> String {
        var (text, end) = ("", 0.0)
        for part in parts {
            end += part.share
            let length = Int((min(1, max(0, end)) * Double(cells)).rounded())
            text += String(repeating: part.mark, count: max(0, length - text.count))
        }
        return text + String(repeating: "░", count: max(0, cells - text.count))
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

    private static func padded(_ text: String, _ cells: Int) -> String { text + spaces(cells - text.cells) }

    /// Returns the beginning of a row that fits, without control characters: names come from clients and files.
    private static func fitted(_ row: String, _ width: Int) -> String {
        let visible = row.filter { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } }
        return visible.cells <= width ? visible : visible.prefix(cells: max(0, width - 1)) + "…"
    }

    private static func percent(_ share: Double) -> String { "\(Int(min(1, max(0, share)) * 100)) %" }

    /// Returns a number with one digit after the point if it is small.
    private static func decimal(_ number: Double) -> String {
        let number = min(max(0, number), 1e9)
        return number >= 100 ? "\(Int(number.rounded()))" : "\((number * 10).rounded() / 10)"
    }

    private static func duration(_ seconds: Double) -> String {
        let seconds = min(max(0, seconds), 1e6)
        return seconds < 1 ? "\(Int((seconds * 1000).rounded())) ms" : "\((seconds * 10).rounded() / 10) s"
    }
}
