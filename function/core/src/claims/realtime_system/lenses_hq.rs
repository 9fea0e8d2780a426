//! Part of a real-time system's plan: Lenses HQ, the control plane of Lenses. HQ authenticates users, holds the licence
//! and accepts the connections of Lenses agents.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use serde::Serialize;

use super::check::Share;
use super::checked::RealtimeSystem;
use super::secrets::{self, postgres_key};
use super::{apps, phase, postgres};
use crate::claims::between::network::{HTTPS, Traffic, app, prometheus};
use crate::claims::between::offer::ISTIO;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::route::{Address, Route, Side, To};
use crate::parts::cluster::yaml;
use crate::parts::part::Part;
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    Workload, config_map, config_volume, configuration, confined_root, container, credentials, default_pod_security,
    http_probe, read_only, requests, service, tcp_probe,
};
use crate::settings::pins::Image;
use crate::text::language::{Placeholders, Text};

pub const NAME: &str = "lenses-hq";
pub const APP: &str = apps::LENSES_HQ;
pub const SERVICE: &str = "lenses-hq-service";
pub const HTTP: (&str, i32) = ("http", 9991);
pub const AGENTS: (&str, i32) = ("agents", 10000);
pub const METRICS: (&str, i32) = ("metrics", 9090);

/// Name of the field, in the status of a `RealtimeSystemClaim`, with the address of the user interface of Lenses.
pub const ADDRESS: &str = "lenses";

const CONFIG: &str = "lenses-hq-config";
const CONFIG_FILE: &str = "config.yaml";

/// Configuration file of Lenses HQ. HQ replaces `$(…)` in the file by environment variables, so the file holds no
/// secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    http: Http,
    agents: Agents,
    auth: Auth,
    database: Backend,
    license: License,
    metrics: Metrics,
    logger: Logger,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    address: Text<Placeholders>,
    secure_session_cookies: bool,
}

#[derive(Serialize)]
struct Agents {
    address: Text<Placeholders>,
}

#[derive(Serialize)]
struct Auth {
    administrators: [Text<Placeholders>; 1],
    users: [User; 1],
}

#[derive(Serialize)]
struct User {
    username: Text<Placeholders>,
    password: Text<Placeholders>,
}

#[derive(Serialize)]
struct Backend {
    host: Text<Placeholders>,
    username: Text<Placeholders>,
    password: Text<Placeholders>,
    database: Text<Placeholders>,
}

#[derive(Serialize)]
struct License {
    key: Text<Placeholders>,
    #[serde(rename = "acceptEULA")]
    accept_eula: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    prometheus_address: Text<Placeholders>,
}

#[derive(Serialize)]
struct Logger {
    mode: Text<Placeholders>,
    level: Text<Placeholders>,
}

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::LENSES, resources)
    .away_for(Outage { part: NAME, from: 20, to: 120, meanwhile: "Lenses' pages" })
    .fenced_by(Policy { part: "lenses-hq-policy", name: "lenses-hq-policy", app: APP, admits })
    .reached_by(Route {
        part: "lenses-ui",
        host: "lenses",
        to: To::Service(SERVICE, HTTP),
        waits_for: &[NAME, ISTIO],
        addresses: &[
            Address {
                field: ADDRESS,
                about: "The Lenses user interface, from outside. HTTPS where the environment has a certificate.",
                side: Side::Outside,
                scheme: "http",
                path: "/",
            },
            Address {
                field: "lensesApi",
                about: "The Lenses API, from outside. HTTPS where the environment has a certificate.",
                side: Side::Outside,
                scheme: "http",
                path: "/api/",
            },
        ],
    });

fn admits(system: &RealtimeSystem) -> Traffic {
    let callers = [apps::LENSES_AGENT_KEY, apps::SQL_PROCESSORS].map(app);
    Traffic::default()
        .from(callers.into_iter().chain(system.tenant.outside()), &[HTTP])
        .from([app(apps::LENSES_AGENT)], &[AGENTS])
        .from(system.spec.monitoring.then(prometheus), &[METRICS])
        // Lenses does not document whether HQ contacts its vendor about a licence, so the network policy of HQ admits
        // egress to port 443.
        .to_anybody([HTTPS])
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, APP, &[postgres::DATABASES]);
    let config = BTreeMap::from([(CONFIG_FILE.to_owned(), yaml(&config(system)))]);
    let mut restart_on = configuration(&config);
    restart_on.extend(credentials(system.tenant.credentials_generation));
    let workload = Workload {
        part: &part,
        container: hq(system, &part),
        init_containers: Vec::new(),
        volumes: vec![config_volume("config", CONFIG)],
        security: default_pod_security(),
        restart_on,
    };
    vec![
        part.inside("config", &config_map(&part, CONFIG, config), Ready::Exists),
        part.inside("deployment", &workload.deployment(), Ready::Available),
        part.inside("service", &service(&part, SERVICE, &[HTTP, AGENTS, METRICS]), Ready::Exists),
    ]
}

fn config(system: &RealtimeSystem) -> Config {
    let lenses = &system.spec.lenses_config;
    let username = Text::literal(&lenses.administrator.username);
    let port = |number: i32| Text::literal(&format!(":{number}"));
    Config {
        http: Http {
            address: port(HTTP.1),
            // Lenses HQ serves plain HTTP behind the environment's gateway and cannot detect a browser's HTTPS, so the
            // claim decides whether session cookies are for HTTPS only.
            secure_session_cookies: lenses.secure_session_cookies,
        },
        agents: Agents { address: port(AGENTS.1) },
        auth: Auth {
            administrators: [username.clone()],
            users: [User { username, password: Text::code("$(HQ_ADMIN_PASSWORD_HASH)") }],
        },
        database: Backend {
            host: Text::literal(&format!("{}:{}", postgres::SERVICE, postgres::PORT.1)),
            username: Text::code("hq"),
            password: Text::code("$(HQ_DATABASE_PASSWORD)"),
            database: Text::code("hq"),
        },
        license: License { key: Text::code("$(HQ_LICENSE_KEY)"), accept_eula: lenses.accept_eula },
        metrics: Metrics { prometheus_address: port(METRICS.1) },
        logger: Logger { mode: Text::code("text"), level: Text::code("info") },
    }
}

fn hq(system: &RealtimeSystem, part: &Part) -> Container {
    let Share { cpu, memory } = system.sizes.hq;
    Container {
        args: Some(vec!["/app/config.yaml".to_owned()]),
        env: Some(vec![
            secrets::administrator().env("HQ_ADMIN_PASSWORD_HASH", "password-bcrypt"),
            secrets::postgres().env("HQ_DATABASE_PASSWORD", postgres_key::HQ),
            secrets::license().env("HQ_LICENSE_KEY", "license"),
        ]),
        volume_mounts: Some(vec![VolumeMount {
            sub_path: Some(CONFIG_FILE.to_owned()),
            ..read_only("config", "/app/config.yaml")
        }]),
        resources: Some(requests(cpu, &memory.quantity(), &memory.doubled().quantity())),
        startup_probe: Some(http_probe("/", HTTP.0, 5, 60)),
        readiness_probe: Some(http_probe("/", HTTP.0, 10, 3)),
        liveness_probe: Some(tcp_probe(HTTP.0, 20, 6)),
        security_context: Some(confined_root()),
        ..container(part.app, system.tenant.image(Image::LensesHq), &[HTTP, AGENTS, METRICS])
    }
}
