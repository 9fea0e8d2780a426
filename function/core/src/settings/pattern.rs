//! Patterns for names in the settings: a name, or the beginning of names with `*` behind it.

/// Whether a pattern in the settings matches a name.
pub fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Whether there is a name that two patterns in the settings both match.
pub fn meet(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        _ => matches(one, other) || matches(other, one),
    }
}

#[cfg(test)]
mod tests {
    use super::{matches, meet};

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        assert!(matches("a", "a") && matches("a*", "ab") && matches("a-*", "a-b"));
        assert!(!matches("a", "ab") && !matches("a-*", "a") && !matches("b*", "ab"));
    }

    #[test]
    fn patterns_meet_where_one_name_matches_both() {
        for (one, other) in [("a", "a"), ("a*", "ab"), ("a*", "ab*"), ("a-*", "a-b")] {
            assert!(meet(one, other) && meet(other, one), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("a*", "b*"), ("a-*", "a"), ("ab*", "a")] {
            assert!(!meet(one, other) && !meet(other, one), "{one} {other}");
        }
    }
}
