import Hummingbird
import NIOCore

/// What a request carries through middleware and routes.
struct ShimmyRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, to learn of its end while an answer is made.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// What a middleware calls to go on.
typealias Next = @concurrent (Request, ShimmyRequestContext) async throws -> Response
