//! Columns that `kubectl get` prints for claims of each kind, in their order.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;
use realtime_platform_core::schema::Column;

/// Columns of `kubectl get` that show the progress of a claim of any kind. Crossplane itself adds the columns `SYNCED`
/// and `READY`.
const STATE: [Column; 4] = [
    Column::new("Phase", ".status.phase", "The first phase that is not ready."),
    Column::new("Resources", ".status.resources", "Number of resources that are ready."),
    Column::new("Accepted", r#".status.conditions[?(@.type=="Accepted")].status"#, "Whether the claim is valid."),
    Column::new("Endpoint", ".status.endpoint", "Address to open first."),
];

/// Further columns for a claim of any kind, which only `kubectl get -o wide` prints.
const MORE: [Column; 2] = [
    Column::wide("Settled", r#".status.conditions[?(@.type=="Settled")].status"#, "Whether nothing is waited for."),
    Column::wide(
        "Message",
        r#".status.conditions[?(@.type=="Settled")].message"#,
        "Reason why the claim is not settled.",
    ),
];

/// All columns of `kubectl get` for one kind of claim: the columns that every kind has, then the kind's own, and last
/// the further columns that only `-o wide` prints.
pub fn columns(own: &[Column]) -> Vec<CustomResourceColumnDefinition> {
    STATE.iter().chain(own).chain(&MORE).map(column).collect()
}

/// Column as a CompositeResourceDefinition has it.
pub fn column(column: &Column) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: column.name.to_owned(),
        type_: "string".to_owned(),
        json_path: column.path.to_owned(),
        description: Some(column.description.to_owned()),
        priority: column.wide.then_some(1),
        format: None,
    }
}

#[cfg(test)]
mod tests {
    use super::STATE;
    use realtime_platform_core::claims::KINDS;

    #[test]
    fn a_claims_own_columns_show_fields_that_there_are() {
        for kind in &KINDS {
            let description = kind.describe();
            assert!(!description.columns.is_empty(), "{}", kind.claim);
            let of_state = STATE.iter().filter(|column| !column.path.contains('?'));
            for column in description.columns.iter().chain(of_state) {
                let (schema, path) = match column.path.split_at_checked(6) {
                    Some((".spec.", path)) => (&description.spec, path),
                    _ => (&description.status, column.path.strip_prefix(".status.").unwrap()),
                };
                let pointer = format!("/properties/{}", path.replace('.', "/properties/"));
                assert!(schema.pointer(&pointer).is_some(), "{}: {}", kind.claim, column.path);
            }
        }
    }
}
