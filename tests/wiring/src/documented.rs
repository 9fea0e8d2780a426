//! Table of Secrets in `docs/secrets.md`: every Secret that is pushed into a virtual cluster, with its keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::examples::root;

/// Documented keys of a Secret.
pub struct DocumentedSecret {
    pub keys: BTreeSet<String>,
    /// Whether all further keys of the user's own Secret are pushed too.
    pub whole: bool,
    /// Keys that exist only if a claim asks for them.
    pub asked: BTreeSet<String>,
}

static TABLE: LazyLock<BTreeMap<String, DocumentedSecret>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(root().join("docs/secrets.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Who makes which\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let (always, asked) = cells[1].split_once("where the claim asks for it").unwrap_or((cells[1], ""));
        let name = cells[0].split('`').next().unwrap_or_default().to_owned();
        (name, DocumentedSecret { keys: quoted(always), asked: quoted(asked), whole: cells[1].contains("all else") })
    })
    .collect()
});

/// Names of all documented Secrets.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().map(String::as_str)
}

/// Documented keys of a Secret, with the Secret's name in the table, where ENVIRONMENT and NAME are placeholders.
pub fn secret(name: &str, environment: &str) -> Option<(&'static str, &'static DocumentedSecret)> {
    let written = [name.to_owned(), name.replacen(environment, "ENVIRONMENT", 1)];
    let user = name.strip_prefix("mqtt-user-").map(|_| "mqtt-user-NAME".to_owned());
    let found = written.into_iter().chain(user).find_map(|name| TABLE.get_key_value(&name));
    found.map(|(name, secret)| (name.as_str(), secret))
}
