package import ShimmyAPI
package import ShimmyChat
package import ShimmyCore

/// Reads the fields of a form from a multipart body (RFC 7578). The contents of the fields are slices of the body.
package struct MultipartReader {
    /// The max number of fields, and the max bytes of the header of one.
    private static let mostFields = 1_024
    private static let headBytes = 8 << 10
    /// The max bytes of a boundary (RFC 2046, section 5.1.1).
    private static let boundaryBytes = 70

    private let bytes: [UInt8]
    private let mark: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8], boundary: String) {
        self.bytes = bytes
        mark = Array("--\(boundary)".utf8)
    }

    /// Returns the boundary that a `Content-Type` names. Throws a 400 if it names none.
    package static func boundary(in contentType: String) throws(APIError) -> String {
        let parameters = HeaderParameters(Array(contentType.utf8)[...])
        guard let boundary = parameters?.values["boundary"], !boundary.isEmpty, boundary.utf8.count <= boundaryBytes,
            boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .invalidForm("its Content-Type names no boundary of 1 to \(boundaryBytes) characters") }
        return boundary
    }

    /// Returns the fields of a form in the order of the body. Throws a 400 for a body that is not a form.
    /// - budget: stops the work of a client that has disconnected.
    package static func fields(_ bytes: [UInt8], boundary: String, _ budget: WorkBudget? = nil) throws -> [FormField] {
        var reader = MultipartReader(bytes, boundary: boundary)
        var fields: [FormField] = []
        try reader.skipToFirst()
        while try !reader.isAtEnd() {
            try budget?.check()
            if fields.count >= mostFields { throw APIError.invalidForm("it has more than \(mostFields) fields") }
            fields.append(try reader.field())
        }
        return fields
    }

    // MARK: Boundaries

    /// Moves behind the first boundary. A text before it is ignored.
    private mutating func skipToFirst() throws(APIError) {
        if bytes.starts(with: mark) {
            position = mark.count
        } else {
            position = try boundary(from: 0).after
        }
    }

    /// Returns whether the boundary before the position is the last one. Moves to the header of the next field if it is not.
    private mutating func isAtEnd() throws(APIError) -> Bool {
        if bytes[position...].starts(with: [0x2D, 0x2D]) { return true }
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
        guard bytes[position...].starts(with: [0x0D, 0x0A]) else { throw .invalidForm("a boundary does not end with CRLF") }
        position += 2
        return false
    }

    /// Returns the beginning and the end of the next boundary with the line break before it.
    private func boundary(from start: Int) throws(APIError) -> (start: Int, after: Int) {
        var index = start
        while let end = bytes[index...].firstIndex(of: 0x0D) {
            let after = end + 2 + mark.count
            if after <= bytes.count, bytes[end + 1] == 0x0A, bytes[(end + 2)..<after].elementsEqual(mark) { return (end, after) }
            index = end + 1
        }
        throw .invalidForm("it ends before the last boundary")
    }

    // MARK: Fields

    private mutating func field() throws(APIError) -> FormField {
        var (name, fileName, type): (String?, String?, String?) = (nil, nil, nil)
        while let line = try headerLine() {
            guard let colon = line.firstIndex(of: 0x3A), let header = String(validating: line[..<colon], as: UTF8.self) else {
                throw .invalidForm("a header of a field has no colon")
            }
            let value = line[(colon + 1)...]
            switch header.lowercased() {
            case "content-disposition":
                guard let parameters = HeaderParameters(value), parameters.value == "form-data" else {
                    throw .invalidForm("the Content-Disposition of a field is not form-data with its parameters")
                }
                name = parameters.values["name"]
                fileName = parameters.values["filename*"].flatMap(Self.decoded) ?? parameters.values["filename"]
            case "content-type":
                type = String(validating: value, as: UTF8.self)?.trimmingSpaces
                if let type, !type.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { throw .invalidForm("the Content-Type of a field is not ASCII") }
            case "content-transfer-encoding":
                let encoding = String(validating: value, as: UTF8.self)?.trimmingSpaces.lowercased() ?? ""
                guard ["binary", "8bit", "7bit"].contains(encoding) else { throw .invalidForm("a field has a Content-Transfer-Encoding") }
            default: break
            }
        }
        guard let name, !name.isEmpty else { throw .invalidForm("a field has no name") }
        let end: (start: Int, after: Int)
        // The line break before a boundary that follows the header at once is the end of the header.
        if bytes[position...].starts(with: mark) {
            end = (position, position + mark.count)
        } else {
            end = try boundary(from: position)
        }
        defer { position = end.after }
        return FormField(name, fileName: fileName, contentType: type, content: bytes[position..<end.start])
    }

    /// Returns the next line of a field's header; nil for the blank line at its end.
    private mutating func headerLine() throws(APIError) -> ArraySlice<UInt8>? {
        let limit = min(bytes.count, position + Self.headBytes)
        guard let end = bytes[position..<limit].firstIndex(of: 0x0D), end + 1 < bytes.count, bytes[end + 1] == 0x0A else {
            throw .invalidForm("a header of a field is not a line of at most \(Self.headBytes) bytes")
        }
        defer { position = end + 2 }
        return end == position ? nil : bytes[position..<end]
    }

    /// Decodes the value of a parameter that has a character set (RFC 8187); nil for another one than UTF-8.
    private static func decoded(_ text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return PercentEncoding.decoded(parts[2])
    }
}

/// The value of a header field and its parameters, such as `form-data; name="file"`.
struct HeaderParameters {
    private static let mostParameters = 16

    /// The value before the parameters, in lower case.
    let value: String
    /// The parameters by their names in lower case. The first value of a repeated name counts.
    private(set) var values: [String: String] = [:]

    /// Returns nil if the bytes do not have this form.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        guard let value = Self.token(&rest, upTo: [0x3B]) else { return nil }
        self.value = value.lowercased()
        while rest.first == 0x3B {
            rest = rest.dropFirst()
            guard let name = Self.token(&rest, upTo: [0x3B, 0x3D])?.lowercased() else { return nil }
            // A semicolon at the end begins no parameter.
            if name.isEmpty, rest.isEmpty { break }
            guard rest.first == 0x3D, !name.isEmpty, values.count < Self.mostParameters else { return nil }
            rest = rest.dropFirst()
            guard let text = rest.first == 0x22 ? Self.quoted(&rest) : Self.token(&rest, upTo: [0x3B]) else { return nil }
            if values[name] == nil { values[name] = text }
        }
        if !rest.isEmpty { return nil }
    }

    private static func token(_ rest: inout ArraySlice<UInt8>, upTo ends: [UInt8]) -> String? {
        let bytes = rest.prefix { !ends.contains($0) }
        rest = rest.dropFirst(bytes.count)
        return String(validating: bytes, as: UTF8.self)?.trimmingSpaces
    }

    /// Reads a quoted string. A backslash counts as itself unless a quote or another backslash follows, because some clients send Windows' paths.
    private static func quoted(_ rest: inout ArraySlice<UInt8>) -> String? {
        var text: [UInt8] = []
        rest = rest.dropFirst()
        while let byte = rest.first {
            rest = rest.dropFirst()
            if byte == 0x22 {
                rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
                return String(validating: text, as: UTF8.self)
            }
            if byte == 0x5C, let next = rest.first, next == 0x22 || next == 0x5C {
                text.append(next)
                rest = rest.dropFirst()
            } else {
                text.append(byte)
            }
        }
        return nil
    }
}

extension APIError {
    /// - reason: a clause that says what is wrong.
    static func invalidForm(_ reason: String) -> APIError {
        APIError(status: 400, message: "The request's body is not a valid form: \(reason).", code: "invalid_form")
    }
}
