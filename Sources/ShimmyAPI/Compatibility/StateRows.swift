extension Compatibility {
    package static let storedChats: [EndpointRow] = [
        EndpointRow(
            "GET", "/chat/completions", .supported, "test_stored_completions_are_listed",
            request: [
                FieldRow("model", .supported, "test_stored_completions_are_listed"),
                FieldRow("metadata", .supported, "test_stored_completions_are_listed"),
            ] + page("test_stored_completions_are_listed")),
        EndpointRow("GET", "/chat/completions/{completion_id}", .supported, "test_a_stored_completion_is_found_again"),
        EndpointRow(
            "POST", "/chat/completions/{completion_id}", .supported, "test_metadata_can_be_replaced",
            request: [FieldRow("metadata", .supported, "test_metadata_can_be_replaced")]),
        EndpointRow("DELETE", "/chat/completions/{completion_id}", .supported, "test_a_deleted_completion_is_gone"),
        EndpointRow(
            "GET", "/chat/completions/{completion_id}/messages", .supported, "test_the_messages_of_a_stored_completion",
            request: page("test_the_messages_of_a_stored_completion")),
    ]

    package static let conversations: [EndpointRow] = [
        EndpointRow(
            "POST", "/conversations", .supported, "test_a_conversation_begins_empty_or_with_items",
            request: [
                FieldRow("items", itemKinds, "test_every_kind_of_item_is_told_in_the_clients_types"),
                FieldRow("metadata", .supported, "test_a_conversation_is_renamed_and_deleted"),
            ]),
        EndpointRow("GET", "/conversations/{conversation_id}", .supported, "test_a_conversation_begins_empty_or_with_items"),
        EndpointRow(
            "POST", "/conversations/{conversation_id}", .supported, "test_a_conversation_is_renamed_and_deleted",
            request: [FieldRow("metadata", .supported, "test_a_conversation_is_renamed_and_deleted")]),
        EndpointRow(
            "DELETE", "/conversations/{conversation_id}", .partial("also deletes its items"), "test_a_conversation_is_renamed_and_deleted"),
        EndpointRow(
            "POST", "/conversations/{conversation_id}/items", .supported, "test_every_kind_of_item_is_told_in_the_clients_types",
            request: [
                FieldRow("items", itemKinds, "test_every_kind_of_item_is_told_in_the_clients_types"),
                FieldRow("include", .supported, "test_what_items_tell_is_chosen", isInQuery: true),
            ]),
        EndpointRow(
            "GET", "/conversations/{conversation_id}/items", .supported, "test_items_are_listed_in_pages",
            request: [FieldRow("include", .supported, "test_what_items_tell_is_chosen")] + page("test_items_are_listed_in_pages")),
        EndpointRow(
            "GET", "/conversations/{conversation_id}/items/{item_id}", .supported, "test_every_kind_of_item_is_told_in_the_clients_types",
            request: [FieldRow("include", .supported, "test_what_items_tell_is_chosen")]),
        EndpointRow("DELETE", "/conversations/{conversation_id}/items/{item_id}", .supported, "test_items_can_be_deleted"),
    ]

    private static let itemKinds = Support.partial(
        "messages, calls and their outputs, reasoning, references; items that a template cannot express are only stored")

    private static func page(_ test: String) -> [FieldRow] { ["order", "limit", "after"].map { FieldRow($0, .supported, test) } }
}
