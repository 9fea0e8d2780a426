//! Output of the command `explain` as text for people: each claim with its phases, one line for each composed resource,
//! and a mark on everything that has changed.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use realtime_platform_core::life::report::State;
use realtime_platform_core::parts::plan::PAUSED;

use super::claim_state::{Account, ConditionLine, Event, Line, Phase, Step};
use crate::terminal::painted;

const TITLE: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BUSY: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Mark in the text of the command `explain`, in front of each phase, resource and condition that has changed since the
/// previous observed state of the cluster.
const MARK: &str = "*";

/// Text of the command `explain` for a single observed state of the cluster. Without a previous state, nothing is
/// marked as changed.
pub fn one(steps: &[Step]) -> String {
    let accounts = steps.iter().flat_map(|step| &step.claims);
    let whole = |of: &Account| account(&unmarked(of.clone()), |_| true, |_| true);
    accounts.map(whole).collect::<Vec<_>>().join("\n")
}

fn unmarked(mut account: Account) -> Account {
    for phase in &mut account.phases {
        phase.changed = false;
        phase.resources.iter_mut().for_each(|line| line.changed = false);
    }
    account.conditions.iter_mut().for_each(|condition| condition.changed = false);
    account
}

/// Text of the command `explain` for several observed states of the cluster, with one block for each state. Unchanged
/// resources that are ready or held are only counted, and unchanged conditions are left out.
pub fn several(steps: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let title = step.file.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{}\n", painted(TITLE, &format!("== {}. {title}", index + 1)));
        for account in &step.claims {
            if account.changed {
                let is_worth_it = |line: &Line| line.changed || !matches!(line.state, State::Ready | State::Held);
                text.push_str(&self::account(account, is_worth_it, |condition| condition.changed));
            } else {
                text.push_str(&heading(account));
                text.push_str("  as before\n");
            }
            text.push('\n');
        }
    }
    text
}

fn account(account: &Account, is_shown: impl Fn(&Line) -> bool, is_listed: impl Fn(&ConditionLine) -> bool) -> String {
    let mut text = heading(account);
    for phase in &account.phases {
        text.push_str(&self::phase(phase, &is_shown));
    }
    text.push_str("  conditions\n");
    let width = account.conditions.iter().map(|condition| condition.kind.len()).max().unwrap_or_default();
    for condition in account.conditions.iter().filter(|condition| is_listed(condition)) {
        text.push_str(&self::condition(condition, width));
    }
    if !account.events.is_empty() {
        text.push_str("  events\n");
    }
    for event in &account.events {
        text.push_str(&self::event(event));
    }
    text
}

fn heading(account: &Account) -> String {
    let state = match (account.phase, &account.resources) {
        (Some(phase), Some(resources)) => {
            let again = account.ttl_seconds.map(|seconds| format!(", reconciled again after {seconds} s"));
            format!("{phase}, {resources} ready{}", again.unwrap_or_default())
        }
        _ => "refused, nothing is changed".to_owned(),
    };
    let mut text = format!("{} {} in {}: {state}\n", account.kind, painted(TITLE, &account.name), account.namespace);
    for paused in &account.paused {
        // If only the claim is paused, Crossplane still reconciles the claim's composite. So the notice about a paused
        // claim says only that changes of the claim have no effect.
        let effect = if paused.is_claim { "follows no change of the claim" } else { "applies nothing below" };
        let name = &paused.name;
        let notice =
            format!("the {name} is paused by a person, so Crossplane {effect}: remove its annotation {PAUSED}");
        let _ = writeln!(text, "  {}", painted(BAD, &notice));
    }
    text
}

fn phase(phase: &Phase, is_shown: impl Fn(&Line) -> bool) -> String {
    let (shown, rest): (Vec<&Line>, Vec<&Line>) = phase.resources.iter().partition(|line| is_shown(line));
    let mut summary = Vec::new();
    for state in [State::Ready, State::Held] {
        let count = rest.iter().filter(|line| line.state == state).count();
        if count > 0 {
            summary.push(format!("{count} {}", word(state)));
        }
    }
    let summary = if summary.is_empty() { String::new() } else { painted(QUIET, &format!("  {}", summary.join(", "))) };
    let state = painted(style(phase.state), phase.state.name());
    let mut text = format!("{} {}  {state}{summary}\n", mark(phase.changed), painted(TITLE, phase.name));
    for line in shown {
        let state = painted(style(line.state), &format!("{:7}", word(line.state)));
        let why = line.why.as_deref().map(|why| painted(QUIET, &format!("  {why}"))).unwrap_or_default();
        let _ = writeln!(text, "{}   {state}  {} {}{why}", mark(line.changed), painted(QUIET, line.part), line.title);
    }
    text
}

fn condition(condition: &ConditionLine, width: usize) -> String {
    let style = if condition.status == "True" { GOOD } else { BUSY };
    let status = painted(style, &format!("{:7}", condition.status));
    format!(
        "{}   {status}  {:width$}  {}: {}\n",
        mark(condition.changed),
        condition.kind,
        condition.reason,
        condition.message
    )
}

fn event(event: &Event) -> String {
    let style = if event.kind == "Normal" { GOOD } else { BAD };
    format!("    {}  {}: {}\n", painted(style, &format!("{:7}", event.kind)), event.reason, event.message)
}

fn mark(changed: bool) -> String {
    if changed { painted(TITLE, MARK) } else { " ".to_owned() }
}

fn word(state: State) -> &'static str {
    match state {
        State::Ready => "ready",
        State::Waiting => "waiting",
        State::Held => "held",
        State::Failed => "failed",
        State::Paused => "paused",
        State::NotWanted => "not wanted",
    }
}

fn style(state: State) -> Style {
    match state {
        State::Ready | State::NotWanted => GOOD,
        State::Waiting => BUSY,
        State::Held => QUIET,
        State::Failed | State::Paused => BAD,
    }
}
