//! Outages that the parts declare, compared with the page that lists them.

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::settings::Settings;
use serde_json::json;

use super::markdown::Document;

/// Beginning of the line above the table.
const MARK: &str = "<!-- outages:";

/// Compares the rows of the page with the plans of the smallest claims. With `BLESS` it writes them first: rows that
/// are known stay where they are.
pub fn check(page: impl Fn() -> Document) {
    let rows: Vec<Vec<String>> = declared();
    if std::env::var_os("BLESS").is_some() {
        let is_row_of = |name: &str| rows.iter().find(|row| row[0] == name);
        let known = page().table_after(MARK);
        let kept = known.iter().filter_map(|row| is_row_of(&row[0]));
        let new = rows.iter().filter(|row| !known.iter().any(|known| known[0] == row[0]));
        let lines: Vec<String> = kept.chain(new).map(|row| format!("| {} |", row.join(" | "))).collect();
        page().replace_rows(MARK, &lines);
    }
    let mut said = page().table_after(MARK);
    let mut rows = rows;
    said.sort();
    rows.sort();
    assert_eq!(said, rows);
}

fn declared() -> Vec<Vec<String>> {
    let lenses = json!({"acceptEULA": true, "licenseSecretRef": {"name": "license"}});
    let specs = [
        json!({"name": "streaming"}),
        json!({"namespace": "streaming", "lensesConfig": lenses}),
        json!({"namespace": "streaming"}),
    ];
    let plans = KINDS.iter().zip(specs).map(|(kind, spec)| {
        let claim = Claim::new("team", "claim");
        kind.compose(spec, claim, &Settings::default()).unwrap().plan
    });
    let outages = plans.flat_map(|plan| plan.outages);
    let row = |outage: realtime_platform_core::parts::plan::Outage| {
        let away = format!("{} to {} s", outage.from, outage.to);
        vec![format!("`{}`", outage.part), away, outage.meanwhile.to_owned()]
    };
    outages.map(row).collect()
}
