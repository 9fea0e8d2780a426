//! Alerts of systems and brokers, in the form in which Prometheus takes them: each part with alerts makes its
//! PrometheusRule here. A page of the book has one section for each alert, to which the alert leads.

use std::collections::BTreeMap;

use crate::kinds::monitoring::{AlertGroup, AlertRule, PrometheusRule};
use crate::parts::cluster::to_text;

/// Page of the book with a section for each alert. The heading of a section is the name of its alert.
pub const PAGE: &str = "docs/alerts.md";

#[derive(Clone, Copy, Debug)]
pub enum Severity {
    /// Somebody looks at it on the next working day: nothing is lost yet, or little.
    Warning,
    /// Somebody looks at it now: data does not flow.
    Critical,
}

#[derive(Clone, Debug)]
pub struct Alert {
    /// Name of the alert, which is the same for all engines for which it means the same.
    pub name: &'static str,
    /// PromQL expression: each time series in its result is one alert.
    pub expression: String,
    /// Duration for which the expression has a result before the alert fires. Absent: it fires at once.
    pub lasts: Option<&'static str>,
    pub severity: Severity,
    /// Sentence that says what is wrong, and where. Prometheus expands templates in it.
    pub summary: &'static str,
    /// Sentences that say what follows from it, and where the reason is found.
    pub description: &'static str,
    /// Page of the book on which a section has the name of the alert. `None`: no page describes the alert further.
    pub page: Option<&'static str>,
}

impl Alert {
    /// Alert that can wait until the next working day. It fires once its expression has had a result for `lasts`.
    pub fn warning(
        name: &'static str,
        expression: String,
        lasts: &'static str,
        summary: &'static str,
        description: &'static str,
    ) -> Self {
        let (lasts, page) = (Some(lasts), Some(PAGE));
        Self { name, expression, lasts, severity: Severity::Warning, summary, description, page }
    }

    /// Alert that cannot wait. It fires once its expression has had a result for `lasts`.
    pub fn critical(
        name: &'static str,
        expression: String,
        lasts: &'static str,
        summary: &'static str,
        description: &'static str,
    ) -> Self {
        Self { severity: Severity::Critical, ..Self::warning(name, expression, lasts, summary, description) }
    }

    fn rule(self) -> AlertRule {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        let runbook = self.page.map(|page| ("runbook", format!("{page}#{}", self.name.to_lowercase())));
        let told = [("summary", self.summary.to_owned()), ("description", self.description.to_owned())];
        AlertRule {
            alert: self.name,
            expr: self.expression,
            lasts: self.lasts,
            labels: BTreeMap::from([("severity", severity)]),
            annotations: told.into_iter().chain(runbook).collect(),
        }
    }
}

/// Alerts of one part, as one group: Prometheus evaluates them one after the other.
pub fn rules(group: &'static str, alerts: impl IntoIterator<Item = Alert>) -> PrometheusRule {
    PrometheusRule { groups: vec![AlertGroup { name: group, rules: alerts.into_iter().map(Alert::rule).collect() }] }
}

/// PromQL selector of a metric in one namespace. Prometheus has the metrics of all namespaces of a virtual cluster.
pub fn within(namespace: &str, metric: &str) -> String {
    format!("{metric}{{namespace={}}}", to_text(&namespace))
}

/// PromQL expression that has a result while fewer than `count` pods show a value that compares as `is` says, such as
/// `== bool 1`, or no pod shows any.
pub fn fewer(count: u64, series: &str, is: &str) -> String {
    format!("sum by (namespace) ({series} {is}) < {count} or absent({series})")
}

#[cfg(test)]
mod tests {
    use super::{Alert, PAGE, Severity, fewer, rules, within};

    #[test]
    fn an_alert_leads_to_its_section() {
        let alert = Alert {
            name: "KafkaBrokerAway",
            expression: fewer(3, &within("a", "up"), "== bool 1"),
            lasts: Some("10m"),
            severity: Severity::Critical,
            summary: "One is away.",
            description: "Nothing is lost.",
            page: Some(PAGE),
        };
        let bare = Alert { page: None, lasts: None, ..alert.clone() };
        let made = serde_json::to_value(rules("kafka", [alert, bare])).unwrap_or_default();
        let rules = &made["groups"][0]["rules"];
        assert_eq!(rules[0]["annotations"]["runbook"], "docs/alerts.md#kafkabrokeraway");
        assert_eq!(rules[0]["labels"]["severity"], "critical");
        let expression = r#"sum by (namespace) (up{namespace="a"} == bool 1) < 3 or absent(up{namespace="a"})"#;
        assert_eq!(rules[0]["expr"], expression);
        assert_eq!(rules[1]["annotations"].as_object().map(serde_json::Map::len), Some(2));
        assert!(rules[1].get("for").is_none());
    }
}
