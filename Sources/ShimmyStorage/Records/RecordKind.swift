/// The kinds of records. The database contains the raw values.
package enum RecordKind: Int, Sendable, CaseIterable {
    case response = 1, conversation, chat
}
