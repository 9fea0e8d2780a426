//! Check of the entries in the platform team's secret store that a claim names.
//!
//! A secret store returns any entry to any caller. A pattern in the settings must therefore match the name of the
//! entry. The name must not have parts such as `..`, by which a secret store could find another entry.

use crate::schema::form::{Form, REMOTE_KEY, REMOTE_PROPERTY};

/// Placeholder for the namespace of the claim, in the settings' patterns for the names of secret store entries.
pub const CLAIM_NAMESPACE: &str = "{claimNamespace}";
/// Last part of a pattern for the names of secret store entries, in the settings: `*` matches all further parts of a
/// name.
const REST: &str = "*";

/// Message about the name of a property in a secret store entry, if a claim must not use the name; `None` for an
/// allowed name. A secret store may read a refused name as a path, a wildcard or a query.
pub fn wrong_property(property: &str) -> Option<String> {
    let plain = !property.is_empty() && property.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (!plain).then(|| not(REMOTE_PROPERTY, property))
}

/// Message about a secret store entry (`key`) that a claim of the namespace `claim_namespace` must not name; `None` for
/// an entry that a pattern in the settings allows.
pub fn refused(key: &str, patterns: &[String], claim_namespace: &str) -> Option<String> {
    if !key.strip_prefix('/').unwrap_or(key).split('/').all(plain) {
        return Some(not(REMOTE_KEY, key));
    }
    if patterns.iter().any(|pattern| admits(pattern, key, claim_namespace)) {
        return None;
    }
    let patterns: Vec<String> =
        patterns.iter().map(|pattern| pattern.replace(CLAIM_NAMESPACE, claim_namespace)).collect();
    Some(if patterns.is_empty() {
        format!(
            "must not be {key:?}: the platform's secret store is open to no claim; name a Secret of your own in secretRef"
        )
    } else {
        let patterns = patterns.join(", ");
        format!(
            "must be one that the platform's secret store opens to this claim, {patterns}, not {key:?}; or name a Secret of your own in secretRef"
        )
    })
}

fn not(form: Form, text: &str) -> String {
    format!("must be {}, not {text:?}", form.words)
}

/// Whether one part of the path of a secret store entry is a plain name: it has no special characters, and is neither
/// empty nor of dots alone.
fn plain(part: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    part.chars().all(|c| sign(c) || c == '.') && part.contains(sign)
}

/// Whether a pattern in the settings matches the name of a secret store entry. Parts of the name are compared as a
/// whole, so that a namespace `team` does not match the entries of a namespace `team-a`.
fn admits(pattern: &str, key: &str, claim_namespace: &str) -> bool {
    let mut key = key.split('/');
    for part in pattern.split('/') {
        let Some(given) = key.next() else { return false };
        let same = match part {
            // A `*` at the end of a pattern matches all further parts of a secret store entry's name. The pattern `*`
            // alone does not match a name that begins with a slash, because the name's first part is then empty.
            REST => return !given.is_empty(),
            CLAIM_NAMESPACE => given == claim_namespace && !given.is_empty(),
            part => given == part,
        };
        if !same {
            return false;
        }
    }
    key.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{refused, wrong_property};
    use crate::schema::form::REMOTE_KEY;
    use crate::settings::input::SecretStore;

    fn patterns(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|&pattern| pattern.to_owned()).collect()
    }

    /// Entries that a claim of the namespace may name.
    fn admitted<'a>(allowed: &[&str], namespace: &str, keys: &[&'a str]) -> Vec<&'a str> {
        let patterns = patterns(allowed);
        keys.iter().copied().filter(|key| refused(key, &patterns, namespace).is_none()).collect()
    }

    #[test]
    fn by_default_a_claim_names_the_shared_entry_and_those_of_its_namespace() {
        let allowed = SecretStore::default().allowed_keys;
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let own = ["snowflake-credentials", "team/snowflake", "team/a/b.c_d-e", "team/..a"];
        assert_eq!(admitted(&allowed, "team", &own), own);
        let foreign = [
            "",
            "team",
            "team/",
            "/team/a",
            "teams/a",
            "team-a/a",
            "other/a",
            "platform/registry",
            "snowflake-credentials/a",
            "snowflake-credentials2",
            "Team/a",
        ];
        assert_eq!(admitted(&allowed, "team", &foreign), [""; 0]);
        // A composite without a claim has no namespace, and no entries of its own.
        assert_eq!(admitted(&allowed, "", &["/a", "//a", "a", "{claimNamespace}/a"]), [""; 0]);
    }

    #[test]
    fn nothing_that_a_store_could_resolve_to_another_entry_passes() {
        let hostile = [
            "team/../other/a",
            "team/./a",
            "team/..",
            "team//a",
            "team/a/",
            "team/a\n",
            "team/\0",
            "team/a?version=1",
            "team/a#b",
            "team/%2e%2e/other",
            "team\\..\\other",
            "team/a b",
            "team/{claimNamespace}",
            "team/*",
            "arn:aws:secretsmanager:eu-west-1:1:secret:a",
            "team/ä",
            "team/...",
        ];
        for allowed in [&["{claimNamespace}/*"][..], &["*"], &["/*", "*"]] {
            assert_eq!(admitted(allowed, "team", &hostile), [""; 0]);
        }
    }

    #[test]
    fn a_property_is_one_key() {
        for property in ["private_key", "private-key", "0", "Key"] {
            assert_eq!(wrong_property(property), None, "{property}");
        }
        let hostile = [
            "", "a.b", "@this", "a|b", "*", "a?", "#", "#.a", "a\\.b", "[0]", "a/b", "..", "{a,b}", "!a", "a b", "a\n",
            "ä",
        ];
        for property in hostile {
            let said = wrong_property(property).unwrap();
            assert!(said.starts_with("must be one key of letters"), "{property}: {said}");
        }
    }

    /// An API server evaluates the pattern, and `refused` checks each part.
    #[test]
    fn the_forms_say_the_same() {
        let key = regex_lite::Regex::new(REMOTE_KEY.pattern).unwrap();
        let texts = [
            "a", "/a", "a/b.c", "..a", ".", "..", "...", "a/../b", "a/./b", "", "/", "//a", "a//b", "a/", "a\n", "a b",
            "a%2e",
        ];
        for text in texts {
            let is_form = refused(text, &patterns(&["*", "/*"]), "team").is_none();
            assert_eq!(key.is_match(text), is_form, "{text:?}");
        }
        let pattern = regex_lite::Regex::new(crate::schema::form::REMOTE_KEY_PATTERN.pattern).unwrap();
        for text in ["*", "/*", "a", "a/*", "{claimNamespace}", "a/{claimNamespace}/*", "{claimNamespace}/a", "/a/b"] {
            assert!(pattern.is_match(text), "{text}");
        }
        let wrong = [
            "",
            "/",
            "a*",
            "*/a",
            "a/*/b",
            "a-{claimNamespace}",
            "{claimNamespace}*",
            "{namespace}/*",
            "..",
            "a/../*",
            "a/",
            "**",
            "a//*",
            "a b",
        ];
        for text in wrong {
            assert!(!pattern.is_match(text), "{text}");
        }
    }

    #[test]
    fn patterns_mean_what_they_say() {
        let keys = ["a", "tenants/team", "tenants/team/a", "tenants/team/a/b", "tenants/other/a", "/tenants/team/a"];
        assert_eq!(admitted(&["*"], "team", &keys), &keys[..5]);
        assert_eq!(admitted(&["/*"], "team", &keys), &keys[5..]);
        assert_eq!(admitted(&["tenants/{claimNamespace}"], "team", &keys), &keys[1..2]);
        assert_eq!(admitted(&["tenants/{claimNamespace}/*"], "team", &keys), &keys[2..4]);
        assert_eq!(admitted(&["tenants/{claimNamespace}/a"], "team", &keys), &keys[2..3]);
        assert_eq!(admitted(&["/tenants/{claimNamespace}/*"], "team", &keys), &keys[5..]);
        assert_eq!(admitted(&[], "team", &keys), [""; 0]);
    }

    #[test]
    fn what_is_refused_is_told_with_the_patterns_as_they_read_for_the_claim() {
        let allowed = SecretStore::default().allowed_keys;
        let said = refused("other/a", &allowed, "team").unwrap();
        assert!(said.contains("snowflake-credentials, team/*, not \"other/a\""), "{said}");
        let said = refused("other/a", &[], "team").unwrap();
        assert!(said.contains("open to no claim"), "{said}");
        let said = refused("team/../a", &allowed, "team").unwrap();
        assert!(said.starts_with("must be the parts of a path"), "{said}");
    }
}
