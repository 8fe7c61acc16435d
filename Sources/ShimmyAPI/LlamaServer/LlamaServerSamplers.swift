import ShimmyJSON

/// The samplers of llama-server that a request can select by its field `samplers`. A sampler that is not selected has no effect.
enum LlamaServerSamplers {
    /// The names of Shimmy's samplers in llama-server, in the order in which Shimmy applies them, and the fields that turn each off.
    private static let own: [(name: String, off: JSONObject)] = [
        ("penalties", ["repeat_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0]), ("dry", ["dry_multiplier": 0]),
        ("temperature", ["temperature": 1]), ("min_p", ["min_p": 0]), ("top_k", ["top_k": 0]), ("typ_p", ["typical_p": 1]), ("top_p", ["top_p": 1]),
        ("xtc", ["xtc_probability": 0]),
    ]
    /// Other names of them, and the letters that stand for them in a text.
    private static let aliases = [
        "typical_p": "typ_p", "e": "penalties", "d": "dry", "k": "top_k", "y": "typ_p", "p": "top_p", "m": "min_p", "x": "xtc", "t": "temperature",
    ]
    /// The sampler for code in the middle of a text, which keeps only likely tokens. The min probability of a token, as a fraction of the most likely
    /// token's, has about the same effect.
    private static let infill = "infill"
    private static let infillMinP = 0.2
    private static let most = 64

    static var names: [String] { own.map(\.name) }

    /// Returns the fields of a completion that turn off the samplers outside of the request's selection.
    /// - Returns: `isIncomplete` is true if the selection contains samplers that Shimmy does not have.
    static func fields(_ fields: FieldReader, _ name: String) throws(APIError) -> (off: JSONObject, isIncomplete: Bool) {
        guard let value = fields.value(name) else { return ([:], false) }
        let chosen: [String]
        if let letters = value.stringValue {
            chosen = letters.prefix(most).map { String($0) }
        } else {
            chosen = try FieldReader.strings(in: value, at: fields.path(to: name), most: most, expected: "an array of strings or a string")
        }
        let selected = Set(chosen.map { aliases[$0] ?? $0 })
        var off = JSONObject()
        for sampler in own where !selected.contains(sampler.name) {
            for (field, value) in sampler.off { off[field] = value }
        }
        if selected.contains(infill), !selected.contains("min_p") { off["min_p"] = .double(infillMinP) }
        return (off, !selected.isSubset(of: Set(names + [infill])))
    }
}
