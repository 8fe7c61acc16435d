extension String {
    /// Returns the text if it has at most `limit` Unicode scalars; otherwise its beginning and its end, with an ellipsis between them.
    ///
    /// The limit counts scalars, because one character can consist of any number of them.
    package func shortened(to limit: Int) -> String {
        // A scalar takes at least one byte, so most texts need no count.
        guard utf8.count > limit, unicodeScalars.count > limit else { return self }
        let end = limit / 4
        var result = String.UnicodeScalarView(unicodeScalars.prefix(limit - end))
        result.append("…")
        result.append(contentsOf: unicodeScalars.suffix(end))
        return String(result)
    }
}
