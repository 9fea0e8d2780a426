//! A page that welcomes people and says where everything is: nginx with one page.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

use super::checked::RealtimeSystem;
use crate::parts::part::LOCK;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{
    Port, Workload, config_map, config_volume, configuration, confined, container, mount, pod_user, read_only,
    requests, scratch_volume, service, tcp_probe,
};
use crate::schema::size::Cpu;
use crate::settings::pins::Image;

/// What a person calls the part. The keys of its resources begin with it.
pub const NAME: &str = "landing";

/// The label `app` of its pods, and the name of what it consists of.
const APP: &str = "landing-page";
const HTTP: Port = ("http", 8080);
/// The user that the image is made for.
const USER: i64 = 101;

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, APP, &[LOCK]);
    let config = BTreeMap::from([("default.conf".to_owned(), config(system))]);
    let workload = Workload {
        part: &part,
        container: nginx(system),
        init_containers: Vec::new(),
        volumes: vec![config_volume("config", APP), scratch_volume("tmp", "64Mi")],
        security: pod_user(USER),
        restart_on: configuration(&config),
    };
    vec![
        part.inside("config", &config_map(&part, APP, config), Ready::Exists),
        part.inside("deployment", &workload.deployment(), Ready::Available),
        part.inside("service", &service(&part, APP, &[HTTP]), Ready::Exists),
    ]
}

/// nginx's configuration, with the page in it.
fn config(system: &RealtimeSystem) -> String {
    let link = |name: &str| format!("<li><a href=http://{0}/>{0}</a>", system.tenant.host(name));
    let page = ["lenses", "analytics"].map(link).concat();
    format!(
        "server {{\n    listen {};\n    location / {{\n        default_type text/html;\n        return 200 '<ul>{page}</ul>';\n    }}\n}}\n",
        HTTP.1
    )
}

fn nginx(system: &RealtimeSystem) -> Container {
    Container {
        volume_mounts: Some(vec![read_only("config", "/etc/nginx/conf.d"), mount("tmp", "/tmp")]),
        resources: Some(requests(Cpu::thousandths(10), "16Mi", "32Mi")),
        readiness_probe: Some(tcp_probe(HTTP.0, 10, 3)),
        liveness_probe: Some(tcp_probe(HTTP.0, 20, 6)),
        security_context: Some(confined()),
        ..container("nginx", system.tenant.image(Image::Nginx), &[HTTP])
    }
}
