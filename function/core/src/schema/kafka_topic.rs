//! Which names of Kafka topics a claim may use: not Kafka's own, and not those in which the platform's programs keep their
//! state. This room knows names, not what is done with them.

use serde::Serialize;

/// The beginnings of names that belong to Kafka and to Connect.
const RESERVED_BEGINNINGS: [&str; 2] = ["__", "connect-"];
/// The topic in which Schema Registry keeps its schemas.
const SCHEMAS: &str = "_schemas";
/// Names that Kafka refuses, because they are directories everywhere.
const DIRECTORIES: [&str; 2] = [".", ".."];

/// The same, as an API server evaluates it beside a field.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    rule: &'static str,
    message: &'static str,
}

pub const RULE: Rule = Rule {
    rule: "!(self in ['.', '..', '_schemas']) && !self.startsWith('__') && !self.startsWith('connect-')",
    message: "must not be ., .. or _schemas, nor start with __ or connect-: such names belong to Kafka, Schema Registry and Connect",
};

/// What is wrong with the name of a topic that a claim makes, fills or writes to.
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
