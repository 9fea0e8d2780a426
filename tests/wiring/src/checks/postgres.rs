//! Clusters of CloudNativePG: they are as their claim and the settings ask for, other parts find them, and the operator
//! and Prometheus reach their pods.

use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::pins::Image;
use serde_json::{Value, json};

use crate::finding::Finding;
use crate::value::Look;
use crate::world::{Object, Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for cluster in world.of_kind("postgresql.cnpg.io", "Cluster") {
        found.extend(check_cluster(world, cluster));
    }
    for monitor in world.of_kind("monitoring.coreos.com", "PodMonitor") {
        let selector = monitor.manifest.labels("/spec/selector/matchLabels");
        let pods: Vec<_> = world.pods.iter().filter(|pod| pod.is_selected(&monitor.namespace, &selector)).collect();
        if pods.is_empty() || selector.is_empty() {
            found.push(Finding::on(monitor, "/spec/selector", "selects no pod"));
        }
        for endpoint in monitor.manifest.items("/spec/podMetricsEndpoints") {
            if pods.iter().any(|pod| pod.port(endpoint.at("/port")).is_none())
                || endpoint.text("/path") != "/metrics"
                || endpoint.text("/interval") != "30s"
            {
                found.push(Finding::on(monitor, "/spec/podMetricsEndpoints", "no such page"));
            }
        }
    }
    found
}

fn check_cluster(world: &World, cluster: &Object) -> Vec<Finding> {
    let Origin::Composed(claim, _) = cluster.origin else { return Vec::new() };
    let settings = &world.platform.settings;
    let zones = claim.spec.text("/spreadOver") == "Zones";
    let key = if zones { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" };
    let said = |pointer: &str, default: Value| match claim.spec.at(pointer) {
        Value::Null => default,
        said => said.clone(),
    };
    let expected = [
        ("/instances", said("/database/replicas", json!(3))),
        ("/imageName", json!(settings.image(Image::PostgresCluster))),
        ("/enableSuperuserAccess", json!(true)),
        ("/bootstrap", json!({"initdb": {"database": "lenses_system", "owner": "lenses_system"}})),
        ("/postgresql/synchronous", json!({"method": "any", "number": 1, "dataDurability": "preferred"})),
        ("/storage/size", said("/database/storage", json!("8Gi"))),
        ("/storage/storageClass", json!(settings.storage_class)),
        ("/resources/requests/cpu", said("/database/cpu", json!("250m"))),
        ("/affinity/enablePodAntiAffinity", json!(true)),
        ("/affinity/podAntiAffinityType", json!("preferred")),
        ("/affinity/topologyKey", json!(key)),
        ("/affinity/nodeSelector", json!(settings.node_selector())),
        ("/affinity/tolerations", json!(settings.tolerations())),
        ("/managed/services/disabledDefaultServices", json!(["ro", "r"])),
    ];
    let spec = cluster.manifest.at("/spec");
    let wrong = expected.iter().filter(|(pointer, value)| spec.at(pointer) != value);
    let mut found: Vec<Finding> = wrong
        .map(|(pointer, value)| Finding::on(cluster, format!("/spec{pointer}"), format!("is not {value}")))
        .collect();
    // The operator sets a changed password of the superuser only if the Secret has this label.
    let superuser = spec.text("/superuserSecret/name");
    let pushes = world.of_kind("external-secrets.io", "PushSecret");
    let mut written = pushes.flat_map(|push| push.manifest.items("/spec/data")).filter(|data| {
        data.text("/match/remoteRef/remoteKey") == superuser
            && data.at("/metadata/spec/labels").get("cnpg.io/reload") == Some(&json!("true"))
    });
    if written.next().is_none() {
        found.push(Finding::on(cluster, "/spec/superuserSecret", "a changed password is not taken over"));
    }
    let host = "lenses-backend-postgres-service";
    if world.find(Place::Inside, "", "Service", &cluster.namespace, host).is_none() {
        found.push(Finding::on(cluster, "/spec/managed/services", "no Service of the name that other parts call"));
    }
    found
}
