import Hummingbird
import ShimmyAPI
import ShimmyCore
import ShimmyStorage

extension Request {
    /// The parameters of the query. Names and values are form-decoded: a `+` is a space, and `metadata%5Bkey%5D` is `metadata[key]`.
    var query: QueryReader {
        QueryReader(
            (uri.query ?? "").split(separator: "&").map { pair in
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { side -> String in
                    let text = String(side).replacing("+", with: " ")
                    return PercentEncoding.decoded(text[...]) ?? text
                }
                return (name: sides[0], value: sides.count > 1 ? sides[1] : "")
            })
    }
}

extension QueryReader {
    /// Returns the requested page of a list. Throws a 400 for a parameter that the list does not support.
    /// - order: the list's default order.
    /// - others, objects, lists: further supported parameters; see `check`.
    func page(
        order: Page.Order = .desc, others: [String] = [], objects: [String] = [], lists: [String] = []
    ) throws(APIError) -> Page {
        try check(["limit", "order", "after"] + others, objects: objects, lists: lists)
        let limit = try integer("limit", in: Page.limits) ?? 20
        return Page(limit: limit, order: try choice("order", as: Page.Order.self) ?? order, after: string("after"))
    }
}
