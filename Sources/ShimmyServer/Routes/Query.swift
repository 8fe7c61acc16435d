import Hummingbird
import ShimmyAPI
import ShimmyStorage

extension Request {
    var query: QueryReader { QueryReader(uri.queryParameters.map { (String($0.key), String($0.value)) }) }
}

extension QueryReader {
    /// Which part of a list is wanted.
    /// - order: the one that a list has by itself.
    func page(order: Page.Order = .desc) throws(APIError) -> Page {
        Page(limit: try integer("limit", in: Page.limits) ?? 20, order: try choice("order", as: Page.Order.self) ?? order, after: string("after"))
    }
}
