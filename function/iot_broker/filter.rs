//! MQTT topic filters: `+` stands for one level, `#` at the end for all below, and for the level above them.

/// Whether there is a topic that both filters match. A topic is a filter that matches itself.
pub fn overlap(one: &str, other: &str) -> bool {
    // Wildcards do not reach the broker's own topics.
    let hidden = |own: &str, wildcard: &str| own.starts_with('$') && wildcard.starts_with(['+', '#']);
    if hidden(one, other) || hidden(other, one) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) | (Some("#"), _) | (_, Some("#")) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(left), Some(right)) if left != "+" && right != "+" && left != right => return false,
            (Some(_), Some(_)) => {}
        }
    }
}

/// What a filter matches by MQTT's rules although a wildcard in it stands for nothing: an empty level, or the level above.
pub fn strays(filter: &str) -> Vec<String> {
    let levels: Vec<&str> = filter.split('/').collect();
    let emptied = levels.iter().enumerate().filter(|(_, level)| matches!(**level, "+" | "#")).map(|(index, _)| {
        let mut levels = levels.clone();
        levels[index] = "";
        levels.join("/")
    });
    let above = filter.strip_suffix("/#").map(str::to_owned);
    above.into_iter().chain(emptied).filter(|stray| !stray.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{overlap, strays};

    #[test]
    fn filters_overlap_where_a_topic_matches_both() {
        for (one, other, expected) in [
            ("health/device_data", "health/device_data", true),
            ("health/device_data", "health/device_date", false),
            ("health/#", "health/device_data", true),
            ("health/#", "health", true),
            ("health/#", "healthy", false),
            ("health/+", "health", false),
            ("health/+", "health/a/b", false),
            ("health/+/x", "health/y/+", true),
            ("+/a", "b/#", true),
            ("lab/+/samples", "lab/one/results", false),
            ("#", "$SYS/broker/uptime", false),
            ("$SYS/#", "$SYS/broker/uptime", true),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} and {other}");
            assert_eq!(overlap(other, one), expected, "{other} and {one}");
        }
    }

    #[test]
    fn strays_are_what_a_wildcard_matches_without_standing_for_anything() {
        for (filter, expected) in [
            ("health/device_data", vec![]),
            ("health/#", vec!["health", "health/"]),
            ("lab/+/samples", vec!["lab//samples"]),
            ("+/a/#", vec!["+/a", "/a/#", "+/a/"]),
            ("#", vec![]),
            ("+", vec![]),
        ] {
            let found = strays(filter);
            assert_eq!(found, expected, "{filter}");
            assert!(found.iter().all(|stray| overlap(filter, stray)), "{filter}");
        }
    }
}
