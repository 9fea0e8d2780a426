//! Names of Kafka topics that a claim must not use: those of Kafka itself, and those of the topics in which Kafka
//! Connect and Schema Registry keep state.

use serde::Serialize;

/// Beginnings of the names of Kafka topics that belong to Kafka and to Kafka Connect, which a claim must not use.
const RESERVED_BEGINNINGS: [&str; 2] = ["__", "connect-"];
/// Name of the Kafka topic in which Schema Registry stores schemas, which a claim must not use.
const SCHEMAS: &str = "_schemas";
/// Names that Kafka rejects for its topics, because file systems read them as directories.
const DIRECTORIES: [&str; 2] = [".", ".."];

/// CEL rule against reserved names of Kafka topics, for the schema of a claim's field. The rule refuses the same names
/// as the Rust function [`refused`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    rule: &'static str,
    message: &'static str,
}

pub const RULE: Rule = Rule {
    rule: "!(self in ['.', '..', '_schemas']) && !self.startsWith('__') && !self.startsWith('connect-')",
    message: "must not be ., .. or _schemas, nor start with __ or connect-: such names belong to Kafka, Schema Registry and Connect",
};

/// Message about the reserved name of a Kafka topic that a claim creates, fills or writes to; `None` for a name that
/// the claim may use.
pub fn refused(name: &str) -> Option<String> {
    if DIRECTORIES.contains(&name) {
        return Some(format!("must not be {name:?}, which Kafka refuses: choose another name"));
    }
    let owner = match RESERVED_BEGINNINGS.iter().find(|beginning| name.starts_with(**beginning)) {
        Some(&"__") => "topics that start with two underscores are Kafka's own",
        Some(_) => "topics that start with connect- hold the state of Kafka Connect",
        None if name == SCHEMAS => "it holds the schemas of Schema Registry",
        None => return None,
    };
    Some(format!("must not be {name:?}: {owner}; choose another name"))
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn topics_of_the_platforms_programs_are_not_for_claims() {
        for name in
            [".", "..", "__consumer_offsets", "__", "_schemas", "connect-configs", "connect-offsets", "connect-"]
        {
            assert!(refused(name).is_some(), "{name}");
        }
        for name in ["device_data", "_schemas2", "_mine", "a__b", "connect", "connected", "Connect-configs", "..."] {
            assert_eq!(refused(name), None, "{name}");
        }
    }
}
