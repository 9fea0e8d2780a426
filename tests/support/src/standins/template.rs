//! Subset of External Secrets' templates: text with `{{ .key }}`, `{{ index . "key" }}` and a pipe into a function.
//! Other constructs are rejected, so that a template is never rendered wrongly.

use std::collections::BTreeMap;

use super::cluster::Trouble;

/// Bcrypt cost that External Secrets uses.
const BCRYPT_COST: u32 = bcrypt::DEFAULT_COST - 2;

/// Renders a template with the given values.
pub fn render(template: &str, values: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, Trouble> {
    let mut rendered = Vec::new();
    let mut rest = template;
    while let Some((text, tail)) = rest.split_once("{{") {
        rendered.extend_from_slice(text.as_bytes());
        let (action, tail) = tail.split_once("}}").ok_or_else(|| unknown(template))?;
        rendered.extend(value(action, values).ok_or_else(|| unknown(template))??);
        rest = tail;
    }
    rendered.extend_from_slice(rest.as_bytes());
    Ok(rendered)
}

fn unknown(template: &str) -> Trouble {
    Trouble::new(format!("the stand-in cannot run the template {template}"))
}

/// Evaluates one action of a template; `None` for an unsupported one.
fn value(action: &str, values: &BTreeMap<String, Vec<u8>>) -> Option<Result<Vec<u8>, Trouble>> {
    let mut steps = action.split('|').map(str::trim);
    let source = steps.next()?;
    let mut value = if let Some(key) = source.strip_prefix('.') {
        let Some(value) = values.get(key) else {
            return Some(Err(Trouble::new(format!("map has no entry for key \"{key}\""))));
        };
        value.clone()
    } else {
        // `missingkey=error` covers fields only: `index` of a missing key is an empty text.
        let key = source.strip_prefix("index . \"")?.strip_suffix('"')?;
        values.get(key).cloned().unwrap_or_default()
    };
    for step in steps {
        value = match step {
            "toString" => value,
            "bcrypt" => bcrypt::hash(value, BCRYPT_COST).ok()?.into_bytes(),
            _ => return None,
        };
    }
    Some(Ok(value))
}
