//! Matching of MQTT topic filters, in which `+` matches one level, and `#` at the end matches all levels below and the
//! level above them.

/// True if two MQTT topic filters match some topic in common. A topic is also a filter: one that matches only itself.
pub fn overlap(one: &str, other: &str) -> bool {
    // A wildcard in the first level of an MQTT filter does not match topics that begin with `$`, such as the MQTT
    // broker's own topics below `$SYS`.
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

/// MQTT filters for the topics that a given filter matches with an empty level in place of a wildcard, or with no level
/// in place of `#`. The bridge's connector does not accept messages of such topics. An example: `health/#` also matches
/// `health` and `health/`.
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

/// Reason why an MQTT topic filter has no effect among a user's rights, worded to follow the name of the claim's field
/// in a fault. `user` is the name of that user. `publishes` is true for a right to publish, and false for a right to
/// read.
pub fn meaningless(filter: &str, user: &str, publishes: bool) -> Option<String> {
    if filter.contains("%u") {
        let written_out = filter.replace("%u", user);
        return Some(format!(
            "must not contain %u: the broker does not replace it with a user's name, so write the name out, such as {written_out:?}"
        ));
    }
    if filter.contains("%c") {
        return Some(
            "must not contain %c: the broker does not replace it with a client's identifier, so write + for any level"
                .to_owned(),
        );
    }
    if let Some(shared) = filter.strip_prefix("$share/").filter(|_| !publishes) {
        let plain = shared.split_once('/').map_or("health/#", |(_, plain)| plain);
        return Some(format!(
            "must not start with $share: a right to the topics themselves admits shared subscriptions to them, so write {plain:?}"
        ));
    }
    refused_by_the_broker(filter, publishes)
}

/// Reason why no client can publish to an MQTT topic, worded to follow the name of the claim's field in a fault. The
/// broker rejects a message to such a topic, or accepts the message and delivers it to no client.
pub fn unpublishable(topic: &str) -> Option<String> {
    refused_by_the_broker(topic, true)
}

fn refused_by_the_broker(filter: &str, publishes: bool) -> Option<String> {
    // MQTT clients may read topics below `$SYS`, but only the broker publishes there, so a filter for such topics is
    // refused only among rights to publish.
    let own = ["$SYS", "$share"].into_iter().filter(|_| publishes).find(|own| filter.starts_with(own));
    let reason = match own.or_else(|| filter.starts_with("$CONTROL/").then_some("$CONTROL")) {
        Some("$CONTROL") => "$CONTROL: this broker has nothing that could be controlled by messages",
        Some("$SYS") => "$SYS: the broker alone publishes there",
        Some(_) => "$share: that is the beginning of subscriptions, and no topic has it",
        None => return None,
    };
    Some(format!("must not start with {reason}; leave it out or name another topic"))
}

#[cfg(test)]
mod tests {
    use super::{meaningless, overlap, strays};

    #[test]
    fn a_right_that_means_nothing_is_told_with_what_to_write() {
        for (filter, publishes, said) in [
            ("devices/%u/data", true, Some("such as \"devices/ward/data\"")),
            ("devices/%u", false, Some("such as \"devices/ward\"")),
            ("%c/cmd", false, Some("write + for any level")),
            ("a%cb", true, Some("must not contain %c")),
            ("$share/group/health/+", false, Some("so write \"health/+\"")),
            ("$share/group", false, Some("must not start with $share")),
            ("$share/group/health", true, Some("must not start with $share")),
            ("$SYS/#", true, Some("must not start with $SYS")),
            ("$SYS", true, Some("must not start with $SYS")),
            ("$CONTROL/dynamic-security/v1", true, Some("must not start with $CONTROL")),
            ("$CONTROL/#", false, Some("must not start with $CONTROL")),
            ("$SYS/#", false, None),
            ("$own/#", true, None),
            ("100%/u", true, None),
            ("health/#", true, None),
            ("#", false, None),
        ] {
            let found = meaningless(filter, "ward", publishes);
            assert_eq!(found.is_some(), said.is_some(), "{filter}: {found:?}");
            assert!(found.unwrap_or_default().contains(said.unwrap_or_default()), "{filter}");
        }
    }

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
