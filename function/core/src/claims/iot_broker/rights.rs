//! Rights of the accounts at RabbitMQ, as regular expressions. RabbitMQ knows two kinds: rights to queues and exchanges by
//! their names, and rights to topics.
//!
//! RabbitMQ reads an MQTT topic with dots in place of its slashes, and an MQTT filter also with `*` in place of `+`. It
//! admits or refuses a subscription as a whole, by its filter, so a right to read admits each filter that matches no
//! topic outside of the right.

use serde::Serialize;

use super::accounts::{self, Account};
use super::claim::Converter;
use super::names::connector;
use crate::text::language::{Pattern, Text};

/// Exchange of RabbitMQ that takes all MQTT messages, and through which queues get those that they subscribe to.
const EXCHANGE: &str = "amq.topic";
/// Queues that a user's MQTT clients have: those of their sessions, and those with a message that RabbitMQ publishes
/// some time after a client was lost.
const SESSIONS: &str = "mqtt-(?:subscription|will)-.*";
/// Expression that no name matches.
const NOTHING: &str = "^$";

/// Rights to queues and exchanges, as RabbitMQ's management API takes them: to make a queue, to let it have messages or
/// to publish to an exchange, and to read from either.
#[derive(Debug, Serialize)]
pub struct Names {
    pub configure: String,
    pub write: String,
    pub read: String,
}

/// Rights to the topics of an exchange, as RabbitMQ's management API takes them.
#[derive(Debug, Serialize)]
pub struct Topics {
    exchange: &'static str,
    pub write: String,
    pub read: String,
}

pub fn names(account: &Account) -> Names {
    let own = if account.user == accounts::BRIDGE { bridge() } else { SESSIONS.to_owned() };
    let queues = format!(r"^(?:{own})\z");
    let with_exchange = format!(r"^(?:{}|{own})\z", Text::<Pattern>::literal(EXCHANGE));
    let of = |filters: &[&str]| if filters.is_empty() { queues.clone() } else { with_exchange.clone() };
    Names { write: of(&account.publish), read: of(&account.read), configure: queues }
}

/// Queues of the bridge to Kafka: those of its connectors' MQTT sessions, and queues of AMQP that begin with the name of
/// its account.
fn bridge() -> String {
    let [json, bytes] = [Converter::Json, Converter::Bytes].map(connector);
    format!(r"mqtt-subscription-(?:{json}|{bytes}).*|{}\..*", accounts::BRIDGE)
}

/// Rights of an account to topics. No account may publish to the topics that the bridge must not read, because RabbitMQ
/// cannot keep single topics of a subscription back from its reader.
pub fn topics(account: &Account, unread: &[String]) -> Topics {
    let denied: Vec<&str> = unread.iter().map(String::as_str).collect();
    Topics { exchange: EXCHANGE, write: any(&account.publish, &denied), read: any(&account.read, &[]) }
}

/// Expression for the topics, or narrower filters, that one of `filters` matches and none of `denied`.
fn any(filters: &[&str], denied: &[&str]) -> String {
    if filters.is_empty() {
        return NOTHING.to_owned();
    }
    let one_of = |filters: &[&str]| filters.iter().map(|filter| expression(filter)).collect::<Vec<_>>().join("|");
    let but = if denied.is_empty() { String::new() } else { format!(r"(?!(?:{})\z)", one_of(denied)) };
    format!(r"^{but}(?:{})\z", one_of(filters))
}

/// Expression for the topics that an MQTT filter matches, and for the filters that match only such topics: a level in
/// place of `+` is anything but `#`, which can only be the last level of a filter.
fn expression(filter: &str) -> String {
    let (above, is_open) = match filter.strip_suffix('#') {
        Some("") => return r"[\s\S]*".to_owned(),
        Some(above) => (above.strip_suffix('/').unwrap_or(above), true),
        None => (filter, false),
    };
    let count = above.split('/').count();
    let level = |(index, level): (usize, &str)| match level {
        "+" if index + 1 < count || is_open => "[^.]*".to_owned(),
        "+" => "[^.#]*".to_owned(),
        _ => Text::<Pattern>::literal(level).to_string(),
    };
    let levels: Vec<String> = above.split('/').enumerate().map(level).collect();
    let below = if is_open { r"(?:\.[\s\S]*)?" } else { "" };
    levels.join(r"\.") + below
}

#[cfg(test)]
mod tests {
    use super::{any, expression};

    #[test]
    fn a_filter_becomes_the_expression_of_what_it_matches() {
        for (filter, expected) in [
            ("health/device_data", r"health\.device_data"),
            ("health/#", r"health(?:\.[\s\S]*)?"),
            ("health/+/pulse", r"health\.[^.]*\.pulse"),
            ("health/+", r"health\.[^.#]*"),
            ("+/#", r"[^.]*(?:\.[\s\S]*)?"),
            ("#", r"[\s\S]*"),
            ("/health//x", r"\.health\.\.x"),
            ("{username}/$x", r"\{username\}\.\$x"),
        ] {
            assert_eq!(expression(filter), expected, "{filter}");
        }
    }

    #[test]
    fn no_filter_is_no_right_and_what_is_denied_is_taken_off() {
        assert_eq!(any(&[], &["health"]), "^$");
        assert_eq!(any(&["a", "b/c"], &[]), r"^(?:a|b\.c)\z");
        assert_eq!(any(&["health/#"], &["health", "health/"]), r"^(?!(?:health|health\.)\z)(?:health(?:\.[\s\S]*)?)\z");
    }
}
