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
    /// Which part of a list is wanted.
    /// - order: the one that a list has by itself.
    func page(order: Page.Order = .desc) throws(APIError) -> Page {
        Page(limit: try integer("limit", in: Page.limits) ?? 20, order: try choice("order", as: Page.Order.self) ?? order, after: string("after"))
    }
}
