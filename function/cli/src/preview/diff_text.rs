//! Output of `preview --diff`: the difference between two versions of claims, as text for people and as JSON for
//! programs, by claim, resource and field.

use std::fmt::{self, Write};
use std::io;

use anstyle::{AnsiColor, Style};
use realtime_platform_core::parts::plan::{PAUSED, Resource};
use realtime_platform_core::text::yaml;
use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use super::cost::Cost;
use super::difference::{ClaimDifference, Difference};
use super::fields::Change;
use super::tree::{counted, release};
use super::versions::{Drift, ResourceDifference, Standing};
use crate::documents::fault::Located;
use crate::terminal::painted;

const CLAIM: Style = Style::new().bold();
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const FIELD: Style = AnsiColor::Cyan.on_default();

/// Limit for the values of a changed field that `preview --diff` prints on one line: characters in the old and the new
/// value together.
const SHORT: usize = 100;
/// Number of unchanged lines that `preview --diff` prints above and below a changed line of a text.
const CONTEXT: usize = 2;

/// Output of `preview --diff` for people: the difference between two versions of claims, as text.
pub fn text(difference: &Difference) -> io::Result<String> {
    let mut text = String::new();
    let mut counts = Counts::default();
    for claim in &difference.claims {
        counts.add(claim);
        self::claim(claim, &mut text)?;
    }
    let _ = writeln!(text, "{counts}");
    Ok(text)
}

fn claim(difference: &ClaimDifference, text: &mut String) -> io::Result<()> {
    let Some(shown) = difference.shown() else { return Ok(()) };
    let asked = &shown.asked;
    let sides = &difference.sides;
    let state = match (sides.old, sides.new, sides.successor) {
        (None, _, _) => ": is new".to_owned(),
        (_, None, Some(successor)) => {
            let name = &successor.asked.claim.name;
            format!(
                ": is gone, and {name} replaces it once all its resources are deleted, with everything created anew"
            )
        }
        (_, None, None) => ": is gone".to_owned(),
        _ if difference.is_none() => ": nothing changes".to_owned(),
        _ => String::new(),
    };
    let name = painted(CLAIM, &asked.claim.name);
    let _ = writeln!(text, "{} {name}{}{state}", asked.kind_name(), asked.in_namespace());
    let standing = &difference.standing;
    if let Some(composite) = &standing.paused_composite {
        let notice =
            format!("the {composite} is paused by a person: nothing changes before its annotation {PAUSED} goes");
        heading(text, CHANGED, '!', &notice);
    }
    let title = |resource: &Resource| format!("{}{}", title(resource), delay(standing, &resource.key));
    for resource in &difference.resources {
        match resource {
            ResourceDifference::Added(new) => heading(text, ADDED, '+', &title(new)),
            ResourceDifference::Removed(old) => heading(text, REMOVED, '-', &title(old)),
            ResourceDifference::Changed { old, new, fields } => {
                let again = if old.key == new.key { "" } else { ", runs again" };
                heading(text, CHANGED, '~', &format!("{}{again}", title(new)));
                self::fields(fields, text)?;
            }
        }
    }
    if !difference.status.is_empty() {
        heading(text, CHANGED, '~', "status");
        fields(&difference.status, text)?;
    }
    for drift in &standing.drift {
        let sentence = format!("drift: {} is not as its manifest says:", drift.title);
        heading(text, CHANGED, '!', &sentence);
        fields(&drift.fields, text)?;
    }
    for (is_loss, sentence) in difference.cost.sentences() {
        heading(text, if is_loss { REMOVED } else { CHANGED }, '!', &sentence);
    }
    text.push('\n');
    Ok(())
}

fn heading(text: &mut String, style: Style, mark: char, title: &str) {
    let _ = writeln!(text, "  {} {title}", painted(style, &mark.to_string()));
}

/// Part of a heading about a resource in a cluster that does not follow its change at once: it is held, or a person has
/// paused it.
fn delay(standing: &Standing, key: &str) -> String {
    if standing.paused.contains(key) {
        return ", which a person has paused".to_owned();
    }
    standing.held.get(key).map(|parts| format!(", held for {}", parts.join(", "))).unwrap_or_default()
}

/// Heading of a composed resource in the output of `preview --diff`: kind, name and namespace of the manifest, and the
/// key of the resource.
fn title(resource: &Resource) -> String {
    let manifest = resource.manifest();
    let at = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, namespace) = match release(resource) {
        Some(release) => (release.name, release.namespace),
        None => (at("/metadata/name").to_owned(), at("/metadata/namespace").to_owned()),
    };
    let name = if name.is_empty() { String::new() } else { format!(" {name}") };
    let namespace = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    format!("{}{name}{namespace} ({})", at("/kind"), resource.key)
}

fn fields(changes: &[Change], text: &mut String) -> io::Result<()> {
    for Change { field, old, new } in changes {
        let field = painted(FIELD, field);
        match (old, new) {
            (Some(Value::String(old)), Some(Value::String(new))) if old.contains('\n') || new.contains('\n') => {
                let _ = writeln!(text, "      {field}:");
                indented(&line_by_line(old, new), text);
            }
            (Some(old), Some(new)) => {
                let (old, new) = (line(old), line(new));
                if old.chars().count() + new.chars().count() <= SHORT {
                    let _ = writeln!(text, "      {field}: {old} → {new}");
                } else {
                    let _ = writeln!(text, "      {field}:");
                    indented(&format!("-{old}\n+{new}\n"), text);
                }
            }
            (None, Some(new)) => one_sided('+', &field, new, text)?,
            (Some(old), None) => one_sided('-', &field, old, text)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// Line-by-line difference of a field's old and new text for `preview --diff`. Line breaks at the end of a text are
/// ignored.
fn line_by_line(old: &str, new: &str) -> String {
    let [old, new] = [old, new].map(|text| format!("{}\n", text.trim_end_matches('\n')));
    if old == new {
        return "only the line breaks at the end".to_owned();
    }
    TextDiff::from_lines(&old, &new).unified_diff().context_radius(CONTEXT).to_string()
}

/// Adds to the output of `preview --diff` a field that exists in only one of the two versions: its value on the line of
/// the field if the value is short, otherwise on lines below.
fn one_sided(mark: char, field: &str, value: &Value, text: &mut String) -> io::Result<()> {
    let line = line(value);
    if line.chars().count() <= SHORT && !line.contains('\n') {
        let _ = writeln!(text, "      {} {field}: {line}", colour(mark));
        return Ok(());
    }
    let _ = writeln!(text, "      {} {field}:", colour(mark));
    let document = match value {
        Value::String(lines) => lines.clone(),
        other => yaml::document(other).map_err(io::Error::other)?,
    };
    let marked: Vec<String> = document.lines().map(|line| format!("{mark}{line}")).collect();
    indented(&marked.join("\n"), text);
    Ok(())
}

fn colour(mark: char) -> String {
    painted(if mark == '+' { ADDED } else { REMOVED }, &mark.to_string())
}

/// Adds the lines of a unified diff to the output of `preview --diff`, coloured and indented. Each hunk header, such as
/// `@@ -1,2 +1,3 @@`, becomes an ellipsis.
fn indented(lines: &str, text: &mut String) {
    for line in lines.lines() {
        let line = match line.chars().next() {
            Some('@') => "…".to_owned(),
            Some('+') => painted(ADDED, line),
            Some('-') => painted(REMOVED, line),
            _ => line.to_owned(),
        };
        let _ = writeln!(text, "{}", format!("        {line}").trim_end());
    }
}

fn line(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[derive(Default)]
struct Counts {
    added: usize,
    removed: usize,
    changed: usize,
    unchanged: usize,
}

impl Counts {
    fn add(&mut self, claim: &ClaimDifference) {
        self.unchanged += claim.unchanged;
        for resource in &claim.resources {
            *match resource {
                ResourceDifference::Added(_) => &mut self.added,
                ResourceDifference::Removed(_) => &mut self.removed,
                ResourceDifference::Changed { .. } => &mut self.changed,
            } += 1;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed, unchanged } = self;
        let all = counted(added + removed + changed + unchanged, "composed resource");
        write!(f, "{all}: {added} added, {removed} removed, {changed} changed, {unchanged} unchanged")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    claims: Vec<ClaimEntry<'a>>,
    refused: Vec<RefusedEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClaimEntry<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    /// Name of the claim that takes the environment or namespace of a removed claim; `None` if there is no such claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<&'a str>,
    added: Vec<&'a str>,
    removed: Vec<&'a str>,
    changed: Vec<ChangedEntry<'a>>,
    status: &'a [Change],
    /// Kind and name of the claim's composite, if a person has paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_composite: Option<&'a str>,
    /// Keys of resources that are added or changed and that a person has paused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paused: Vec<&'a str>,
    /// Resources that are added or changed and are held, with the parts that they wait for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<HeldEntry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drift: Vec<ChangedEntry<'a>>,
    #[serde(flatten)]
    cost: &'a Cost,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeldEntry<'a> {
    key: &'a str,
    waits_for: &'a [&'static str],
}

#[derive(Serialize)]
struct ChangedEntry<'a> {
    key: &'a str,
    /// Key of the former Job that a changed Job replaces; `None` if the change keeps the key of the resource. A Job
    /// cannot be changed in place, so a changed Job is a new composed resource with a key of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<&'a str>,
    fields: &'a [Change],
}

#[derive(Serialize)]
struct RefusedEntry<'a> {
    claim: Option<&'a str>,
    field: Option<&'a str>,
    message: &'a str,
}

/// Output of `preview --diff` for programs: the difference between two versions of claims, as JSON.
pub fn json(difference: &Difference) -> io::Result<String> {
    let document = Document {
        claims: difference.claims.iter().filter_map(claim_entry).collect(),
        refused: difference.refused.iter().map(refused_entry).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn claim_entry<'a>(difference: &'a ClaimDifference) -> Option<ClaimEntry<'a>> {
    let asked = &difference.shown()?.asked;
    let mut entry = ClaimEntry {
        kind: asked.kind_name(),
        namespace: &asked.claim.namespace,
        name: &asked.claim.name,
        successor: difference.sides.successor.map(|shown| shown.asked.claim.name.as_str()),
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        status: &difference.status,
        paused_composite: difference.standing.paused_composite.as_deref(),
        paused: Vec::new(),
        held: Vec::new(),
        drift: difference.standing.drift.iter().map(drift_entry).collect(),
        cost: &difference.cost,
    };
    for resource in &difference.resources {
        match resource {
            ResourceDifference::Added(new) => entry.added.push(&new.key),
            ResourceDifference::Removed(old) => entry.removed.push(&old.key),
            ResourceDifference::Changed { old, new, fields } => entry.changed.push(ChangedEntry {
                key: &new.key,
                instead: (old.key != new.key).then_some(&old.key),
                fields,
            }),
        }
    }
    let standing = &difference.standing;
    let written = || entry.added.iter().copied().chain(entry.changed.iter().map(|changed| changed.key));
    let held = written().filter_map(|key| Some(HeldEntry { key, waits_for: standing.held.get(key)? })).collect();
    let paused = written().filter(|key| standing.paused.contains(*key)).collect();
    Some(ClaimEntry { paused, held, ..entry })
}

fn drift_entry(drift: &Drift) -> ChangedEntry<'_> {
    ChangedEntry { key: &drift.key, instead: None, fields: &drift.fields }
}

fn refused_entry(fault: &Located) -> RefusedEntry<'_> {
    RefusedEntry { claim: fault.claim.as_deref(), field: fault.field.as_deref(), message: &fault.message }
}
