//! What `kubectl get` shows of a claim and of its composite.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

/// A column: text that stands at one path.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    /// Only with `-o wide`.
    pub wide: bool,
}

/// The state of every claim, as the function tells it. Crossplane itself adds `SYNCED` and `READY`.
const STATE: [Column; 3] = [
    Column {
        name: "Accepted",
        path: r#".status.conditions[?(@.type=="Accepted")].status"#,
        description: "Whether the claim is valid.",
        wide: false,
    },
    Column {
        name: "Settled",
        path: r#".status.conditions[?(@.type=="Settled")].status"#,
        description: "Whether nothing is waited for.",
        wide: false,
    },
    Column {
        name: "Message",
        path: r#".status.conditions[?(@.type=="Settled")].message"#,
        description: "What is waited for.",
        wide: true,
    },
];

/// A claim's own columns, and those of its state.
pub fn columns(own: &[Column]) -> Vec<CustomResourceColumnDefinition> {
    let all = own.iter().chain(&STATE);
    all.map(|column| CustomResourceColumnDefinition {
        name: column.name.to_owned(),
        type_: "string".to_owned(),
        json_path: column.path.to_owned(),
        description: Some(column.description.to_owned()),
        priority: column.wide.then_some(1),
        format: None,
    })
    .collect()
}
