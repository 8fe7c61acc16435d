import Hummingbird
import ShimmyAPI
import ShimmyStorage

extension Request {
    /// Names and values are decoded as forms are, both: a `+` is a space, and `metadata%5Bkey%5D` is `metadata[key]`.
    var query: QueryReader {
        QueryReader(
            (uri.query ?? "").split(separator: "&").map { pair in
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { side -> String in
                    let text = String(side).replacing("+", with: " ")
                    return ModelRoutes.percentDecoded(text[...]) ?? text
                }
                return (name: sides[0], value: sides.count > 1 ? sides[1] : "")
            })
    }
}

extension QueryReader {
    /// Which part of a list is wanted. Throws a 400 for what the list does not know.
    /// - order: the one that a list has by itself.
    /// - others, objects, lists: what else may be asked of it; see `check`.
    func page(
        order: Page.Order = .desc, others: [String] = [], objects: [String] = [], lists: [String] = []
    ) throws(APIError) -> Page {
        try check(["limit", "order", "after"] + others, objects: objects, lists: lists)
        let limit = try integer("limit", in: Page.limits) ?? 20
        return Page(limit: limit, order: try choice("order", as: Page.Order.self) ?? order, after: string("after"))
    }
}
