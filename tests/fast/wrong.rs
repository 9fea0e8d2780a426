//! Wrong claims, and the messages for their authors.

use support::wrong;

#[test]
fn what_is_wrong_is_refused_where_it_stands_in_words_that_help() {
    wrong::is_refused();
}

#[test]
fn every_field_can_be_got_wrong() {
    wrong::is_complete();
}
