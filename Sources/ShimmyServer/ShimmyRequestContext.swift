import Hummingbird
import NIOCore
import ShimmyEngine

/// What a request carries through middleware and routes.
struct ShimmyRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection, to learn of its end while an answer is made.
    let channel: any Channel
    /// For whom it is served: the key's holder, or without keys the client's address.
    var owner: Owner

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        owner = Owner(source.channel.remoteAddress?.ipAddress ?? "")
    }
}

/// What a middleware calls to go on.
typealias Next = @concurrent (Request, ShimmyRequestContext) async throws -> Response
