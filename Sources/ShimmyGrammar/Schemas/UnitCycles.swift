/// Removal of unit cycles: rules with alternatives that are just other rules, and through them the rule itself. Each rule in a cycle gets the
/// alternatives of all of them.
enum UnitCycles {
    static func remove(from rules: inout [(name: String, body: Grammar.Expression)]) {
        var bodies: [String: [Grammar.Expression]] = [:]
        for rule in rules {
            let found = alternatives(rule.body)
            if found.contains(where: { name(of: $0) != nil }) { bodies[rule.name] = found }
        }
        let cyclic = leadingToCycles(bodies)
        if cyclic.isEmpty { return }
        for index in rules.indices where cyclic.contains(rules[index].name) {
            var seen: Set<String> = []
            var open = [rules[index].name]
            var others: [Grammar.Expression] = []
            while let name = open.popLast() {
                guard seen.insert(name).inserted else { continue }
                guard cyclic.contains(name), let parts = bodies[name] else {
                    others.append(.rule(name))
                    continue
                }
                for part in parts { if let inner = Self.name(of: part) { open.append(inner) } else { others.append(part) } }
            }
            rules[index].body = .choice(others)
        }
    }

    private static func alternatives(_ body: Grammar.Expression) -> [Grammar.Expression] {
        if case .choice(let parts) = body { parts } else { [body] }
    }

    private static func name(of expression: Grammar.Expression) -> String? {
        if case .rule(let name) = expression { name } else { nil }
    }

    /// Repeatedly removes rules without an alternative that is a remaining rule; returns the rest, which lead to a cycle.
    private static func leadingToCycles(_ bodies: [String: [Grammar.Expression]]) -> Set<String> {
        var count: [String: Int] = [:]
        var users: [String: [String]] = [:]
        for (name, parts) in bodies {
            for used in parts.compactMap(Self.name(of:)) where bodies[used] != nil {
                count[name, default: 0] += 1
                users[used, default: []].append(name)
            }
        }
        var left = Set(bodies.keys)
        var open = bodies.keys.filter { count[$0] == nil }
        while let name = open.popLast() {
            left.remove(name)
            for user in users[name] ?? [] {
                count[user, default: 0] -= 1
                if count[user] == 0 { open.append(user) }
            }
        }
        return left
    }
}
