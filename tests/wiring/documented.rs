//! What users are told of the Secrets inside: `docs/secrets.md` lists every one that is pushed there, with its keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::examples::root;

/// The keys of a Secret, as they are told.
pub struct Told {
    pub keys: BTreeSet<String>,
    /// Whether all else that the user's own Secret has comes along.
    pub whole: bool,
    /// Keys that are there where a claim asks for them.
    pub asked: BTreeSet<String>,
}

static TABLE: LazyLock<BTreeMap<String, Told>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("docs/secrets.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Who makes which\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let (always, asked) = cells[1].split_once("where the claim asks for it").unwrap_or((cells[1], ""));
        let name = cells[0].split('`').next().unwrap_or_default().to_owned();
        (name, Told { keys: quoted(always), asked: quoted(asked), whole: cells[1].contains("all else") })
    })
    .collect()
});

/// Every name in the list.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().map(String::as_str)
}

/// What the list says of a Secret, with the name that it has there.
pub fn told(name: &str, environment: &str) -> Option<(&'static str, &'static Told)> {
    let written = [name.to_owned(), name.replacen(environment, "ENVIRONMENT", 1)];
    let user = name.strip_prefix("mqtt-user-").map(|_| "mqtt-user-NAME".to_owned());
    let found = written.into_iter().chain(user).find_map(|name| TABLE.get_key_value(&name));
    found.map(|(name, told)| (name.as_str(), told))
}
