//! Stand-in for the Knative operator and Knative Serving. The operator installs Serving's custom resource definitions
//! once its Deployment is available, and Serving sets the addresses of each Service. Scaling and revisions are not
//! implemented.

use std::fs;

use serde_json::{Value, json};

use super::StandIn;
use super::cluster::{Cluster, Kind, Trouble, condition, holds, is_leaving, name, namespace};
use super::journal::Journal;
use crate::tools::tool;

const OPERATED: Kind = Kind::new("apis/operator.knative.dev/v1beta1", "knativeservings");
const SERVICES: Kind = Kind::new("apis/serving.knative.dev/v1", "services");
const DEFINITIONS: Kind = Kind::new("apis/apiextensions.k8s.io/v1", "customresourcedefinitions");
const DEPLOYMENTS: Kind = Kind::new("apis/apps/v1", "deployments");

/// Namespace and name of the operator's Deployment in its chart.
const OPERATOR: (&str, &str) = ("knative-operator", "knative-operator");

pub struct Knative;

impl StandIn for Knative {
    async fn look(&mut self, inner: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        for serving in inner.list(OPERATED).await? {
            operate(inner, journal, &serving).await?;
        }
        for service in inner.list(SERVICES).await? {
            serve(inner, &service).await?;
        }
        Ok(())
    }
}

/// Whether the object is ready in its current generation.
fn is_settled(object: &Value) -> bool {
    holds(object, "Ready") && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

async fn operate(inner: &Cluster, journal: &Journal, serving: &Value) -> Result<(), Trouble> {
    let (there, operator) = OPERATOR;
    let operator = inner.get(DEPLOYMENTS, Some(there), operator).await?;
    let runs = operator.is_some_and(|operator| holds(&operator, "Available"));
    if is_leaving(serving) || is_settled(serving) || !runs {
        return Ok(());
    }
    journal.say(&format!("installs Serving's kinds for {}/{}", namespace(serving), name(serving)));
    for definition in definitions()? {
        inner.apply(DEFINITIONS, &definition).await?;
    }
    let conditions =
        ["DependenciesInstalled", "DeploymentsAvailable", "InstallSucceeded", "Ready", "VersionMigrationEligible"];
    let status = json!({
        "conditions": conditions.map(|kind| without_words(serving, kind)),
        "observedGeneration": serving["metadata"]["generation"],
        "version": serving["spec"]["version"],
    });
    inner.set_status(OPERATED, serving, &status).await
}

/// Custom resource definitions of Serving without their conversion, because no conversion webhook runs in the tests.
fn definitions() -> Result<Vec<Value>, Trouble> {
    let folder = tool("crds").join("knative-serving");
    let text = fs::read_to_string(folder.join("1-serving-crds.yaml"));
    let text = text.map_err(|error| Trouble::new(format!("cannot read the kinds of Knative Serving: {error}")))?;
    let mut definitions: Vec<_> = crate::examples::documents(&text);
    for definition in &mut definitions {
        if let Some(spec) = definition["spec"].as_object_mut() {
            spec.remove("conversion");
        }
    }
    Ok(definitions)
}

async fn serve(inner: &Cluster, service: &Value) -> Result<(), Trouble> {
    if is_leaving(service) || is_settled(service) {
        return Ok(());
    }
    let address = format!("http://{}.{}.svc.cluster.local", name(service), namespace(service));
    let revision = format!("{}-{:05}", name(service), service["metadata"]["generation"].as_u64().unwrap_or_default());
    let conditions = ["ConfigurationsReady", "Ready", "RoutesReady"];
    let status = json!({
        "conditions": conditions.map(|kind| without_words(service, kind)),
        "observedGeneration": service["metadata"]["generation"],
        "url": address,
        "address": {"url": address},
        "latestCreatedRevisionName": revision,
        "latestReadyRevisionName": revision,
        "traffic": [{"latestRevision": true, "percent": 100, "revisionName": revision}],
    });
    inner.set_status(SERVICES, service, &status).await
}

/// True condition without reason and message, as Knative writes it.
fn without_words(object: &Value, kind: &str) -> Value {
    let mut condition = condition(object, kind, true, "", "");
    if let Some(fields) = condition.as_object_mut() {
        fields.retain(|_, value| value != "");
    }
    condition
}
