//! Wrong claims, and the messages for their authors.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "wrong/table.rs"]
mod table;

#[test]
fn what_is_wrong_is_refused_where_it_stands_in_words_that_help() {
    table::is_refused();
}

#[test]
fn every_field_can_be_got_wrong() {
    table::is_complete();
}
