/// A search of the history: each typed character narrows it, and ctrl-r goes to the next older entry.
struct HistorySearch: Sendable, Equatable {
    /// The max number of characters of a query, and of those that are shown.
    static let (longest, shown) = (200, 24)

    var query = ""
    /// The index of the entry that is shown; nil for the text from before the search.
    var entry: Int?
    /// Whether there is no further entry that contains the query.
    var hasFailed = false
    /// The text and the cursor from before the search.
    let characters: [Character]
    let cursor: Int

    init(characters: [Character], cursor: Int) {
        self.characters = characters
        self.cursor = cursor
    }
}

extension LineEditor {
    /// The prompt of a search of the history; nil if there is none.
    package var searchPrompt: String? {
        search.map { search in
            let query = search.query.count > HistorySearch.shown ? "…\(search.query.suffix(HistorySearch.shown))" : search.query
            return "\(search.hasFailed ? "not found" : "search") '\(query)': "
        }
    }

    mutating func beginSearch() -> Action {
        search = HistorySearch(characters: characters, cursor: cursor)
        return .edited
    }

    /// Returns the effect of a key on a search. Returns nil if there is none, or if the key ends it: the entry becomes the text, and the key then
    /// edits or submits it.
    mutating func continueSearch(_ key: Key) -> Action? {
        guard var search else { return nil }
        switch key {
        case .text(let text), .paste(let text):
            let added = text.prefix { !$0.isNewline && $0 != "\t" }
            guard !added.isEmpty, search.query.count + added.count <= HistorySearch.longest else { return .refused }
            search.query += added
            return find(search, before: search.entry.map { $0 + 1 } ?? history.entries.count)
        case .search:
            if search.query.isEmpty { return .refused }
            return find(search, before: search.entry ?? history.entries.count)
        case .backspace:
            if search.query.isEmpty { return .refused }
            search.query.removeLast()
            return find(search, before: history.entries.count)
        case .interrupt, .cancel:
            (characters, cursor, self.search) = (search.characters, search.cursor, nil)
            return .edited
        default:
            if let entry = search.entry { history.select(entry, from: String(search.characters)) }
            self.search = nil
            return nil
        }
    }

    private mutating func find(_ search: HistorySearch, before end: Int) -> Action {
        var search = search
        if search.query.isEmpty {
            (characters, cursor) = (search.characters, search.cursor)
            (search.entry, search.hasFailed) = (nil, false)
        } else if let match = history.newest(containing: search.query, before: end) {
            (search.entry, search.hasFailed) = (match.entry, false)
            characters = Array(history.entries[match.entry])
            cursor = match.place
        } else {
            search.hasFailed = true
        }
        self.search = search
        return .edited
    }
}
