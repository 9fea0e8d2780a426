//! Part of a real-time system's plan: the analytics proxy, a Knative service in front of Metabase that has no pod while
//! there are no requests.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort};

use super::checked::RealtimeSystem;
use super::{apps, metabase, phase, script};
use crate::claims::between::network::Traffic;
use crate::claims::between::offer::KNATIVE_SERVING;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::kinds::knative::MAX_SCALE;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{
    config_map, config_volume, configuration, confined_alone, container, read_only, requests, scaled_service,
};
use crate::schema::size::Cpu;
use crate::settings::pins::Image;

const NAME: &str = "analytics";
const APP: &str = apps::ANALYTICS;
const CONFIG: &str = "health-analytics-config";
const PORT: i32 = 8080;

pub const PART: PartOf<RealtimeSystem> =
    PartOf::new(phase::DASHBOARD, resources).only_if(|system| system.spec.dashboard.proxy).fenced_by(Policy {
        part: "analytics-policy",
        name: "health-analytics-policy",
        app: APP,
        admits: |_| Traffic::default().from_knative(),
    });

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    // The first person who completes Metabase's set-up becomes its administrator, so the analytics proxy waits for the
    // Job that completes the set-up.
    let part = system.tenant.part(NAME, APP, &[metabase::SETUP, KNATIVE_SERVING]);
    let config = BTreeMap::from([("default.conf".to_owned(), script::ANALYTICS_PROXY.to_owned())]);
    let mut annotations = configuration(&config);
    annotations.insert(MAX_SCALE.to_owned(), "2".to_owned());
    let volumes = vec![config_volume("config", CONFIG)];
    vec![
        part.inside("config", &config_map(&part, CONFIG, config), Ready::Exists),
        scaled_service(&part, annotations, proxy(system), volumes),
    ]
}

fn proxy(system: &RealtimeSystem) -> Container {
    Container {
        ports: Some(vec![ContainerPort { container_port: PORT, ..ContainerPort::default() }]),
        volume_mounts: Some(vec![read_only("config", "/etc/nginx/conf.d")]),
        resources: Some(requests(Cpu::thousandths(50), "64Mi", "128Mi")),
        security_context: Some(k8s_openapi::api::core::v1::SecurityContext {
            // nginx in the analytics proxy writes its buffers below `/tmp`, where Knative permits no volume, so the
            // root file system of the container is writable.
            read_only_root_filesystem: None,
            run_as_non_root: Some(true),
            ..confined_alone()
        }),
        ..container("nginx", system.tenant.image(Image::Nginx), &[])
    }
}
