package import ShimmyAPI
package import ShimmyStorage

extension Store? {
    /// Returns the storage. Throws the error of routes that only work on stored objects if the server stores nothing.
    package func required() throws(APIError) -> Store {
        guard let self else {
            throw APIError(
                status: 400, message: "Storage is turned off: the server was started with --no-store.", code: "storage_disabled")
        }
        return self
    }
}
