import ShimmyCore

/// The distinct end users of each key on one day. Clients choose their names, so their number is bounded.
struct UserNames: Sendable {
    /// The max number of distinct users of a key on one day; further users are counted together.
    static let mostOfKey = 1000
    /// The max number of distinct users of all keys on one day.
    static let most = 20_000
    /// The name that further users are counted under.
    static let others = "(other)"
    private static let longest = 128

    private var day = 0
    private var names: [String: Set<String>] = [:]
    private var count = 0

    /// Returns the name to count a user under.
    mutating func admit(_ user: String, of key: String, on day: Int) -> String {
        if user.isEmpty { return "" }
        // After midnight, answers of the day before still end.
        if day > self.day || day < self.day - 1 { self = UserNames(day: day) }
        let name = Self.bounded(user)
        if names[key]?.contains(name) == true { return name }
        guard count < Self.most, names[key]?.count ?? 0 < Self.mostOfKey else { return Self.others }
        names[key, default: []].insert(name)
        count += 1
        return name
    }

    init(day: Int = 0) { self.day = day }

    /// Returns a name of bounded length without control characters, which a terminal would obey.
    private static func bounded(_ user: String) -> String {
        var name = String.UnicodeScalarView()
        for scalar in user.unicodeScalars.prefix(longest) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: name.append("?")
            default: name.append(scalar)
            }
        }
        return String(name)
    }
}
