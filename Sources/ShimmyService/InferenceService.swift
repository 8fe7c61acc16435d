// This module serves the requests of clients: answers, vectors, rankings, responses and their storage. It knows neither HTTP nor connections, so that
// routes and background work use it alike.

package import Logging
package import ShimmyAPI
package import ShimmyChat
package import ShimmyCore
package import ShimmyEngine
package import ShimmyModels
package import ShimmyStorage

/// Serves the requests of clients. Each extension has one use case.
package struct InferenceService: Sendable {
    package let models: ModelManager
    /// Returns the preset for requests to a model. Called for each request, so that the preset can change.
    package let presets: @Sendable (ModelRecord) -> RequestPreset
    /// The storage; nil if the server stores nothing.
    package let store: Store?
    /// The maker of background responses; nil if the server stores nothing.
    package let background: BackgroundResponses?
    let foreground = ForegroundResponses()
    let observer: any AnswerObserver
    /// The limits of keys, and the record of usage.
    package let accounts: Accounts

    /// - owner: returns the owner for work that an earlier process accepted, by the owner of the stored object.
    package init(
        models: ModelManager, presets: @escaping @Sendable (ModelRecord) -> RequestPreset, store: Store?, observer: any AnswerObserver,
        logger: Logger, accounts: Accounts = Accounts(), owner: @escaping @Sendable (String) -> Owner
    ) {
        // An account ends before any observer that may take longer.
        let observer = AnswerObservers([AnswerAccounts(), observer])
        self.models = models
        self.presets = presets
        self.store = store
        self.observer = observer
        self.accounts = accounts
        background = store.map {
            BackgroundResponses(
                store: $0, maker: ResponseMaker(models: models, presets: presets), observer: observer, accounts: accounts, logger: logger,
                owner: owner)
        }
    }

    var maker: ResponseMaker { ResponseMaker(models: models, presets: presets) }

    /// Returns a loaded model for a request, after waiting for it. A cancelled task leaves the queue.
    /// - role: the role that the request needs.
    package func acquire(_ name: String, for role: ModelRole, keepAlive: KeepAlive? = nil) async throws -> ModelLease {
        try await models.acquire(try await models.findUsable(name, for: role), keepAlive: keepAlive)
    }
}
