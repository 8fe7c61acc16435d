import HTTPTypes

/// The security headers of the page's files. Page/README.md describes the policies.
enum PagePolicy {
    /// The document of the frame that runs the JavaScript of a tool.
    static let sandbox = "app/sandbox.html"

    /// The page uses only files and routes of this server, runs no script in its text, and no other page can show it in a frame.
    private static let page =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
        + "font-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    /// The SHA-256 hash of the script in the frame's document. A test compares them.
    private static let frameScript = "sha256-005i8WSmwWtutrWWFYsKV9qNEeNDqu8TD3hvSAirEMM="

    /// The frame may compile text as code. It has an origin of its own, so that it can neither read the page nor connect to anything. Its script is
    /// named by its hash, because for WebKit `'self'` is the frame's own origin, from which nothing can be loaded.
    private static let frame =
        "default-src 'none'; script-src '\(frameScript)' 'unsafe-eval'; sandbox allow-scripts; frame-ancestors 'self'; base-uri 'none'; "
        + "form-action 'none'"

    static func headers(ofFile path: String) -> HTTPFields {
        [
            .contentSecurityPolicy: path == sandbox ? frame : page, .xContentTypeOptions: "nosniff", .referrerPolicy: "no-referrer",
            .crossOriginOpenerPolicy: "same-origin",
        ]
    }
}

extension HTTPField.Name {
    fileprivate static let referrerPolicy = Self("referrer-policy")!
    fileprivate static let crossOriginOpenerPolicy = Self("cross-origin-opener-policy")!
}
