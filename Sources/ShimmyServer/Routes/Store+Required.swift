import ShimmyAPI
import ShimmyStorage

extension Store? {
    /// Throws what routes that only work on stored objects answer where nothing may be stored.
    func required() throws(APIError) -> Store {
        guard let self else {
            throw APIError(
                status: 400, message: "This server keeps nothing: it was started with --no-store.", code: "storage_disabled")
        }
        return self
    }
}
