//! Parts of a real-time system's plan: Metabase, the application with the dashboard, and the Job that sets up
//! Metabase's first administrator before anybody else can take that role.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

use super::check::Share;
use super::checked::RealtimeSystem;
use super::secrets::{self, postgres_key};
use super::{apps, phase, postgres, script, snowflake};
use crate::claims::between::network::{Traffic, app};
use crate::claims::between::offer::ISTIO;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::route::{Address, Route, Side, To};
use crate::parts::placement::{budget, replicate};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    Port, TMP, Task, Workload, confined, container, credentials, env, http_probe, mount, pod_user, requests,
    scratch_volume, service, tcp_probe,
};
use crate::settings::pins::Image;

const NAME: &str = "metabase";
pub const SETUP: &str = "metabase-setup";
const APP: &str = apps::METABASE;
pub const SERVICE: &str = "metabase-service";
pub const HTTP: Port = ("http", 3000);

/// User ID to which the entry point of Metabase's image switches when it starts as root. Metabase's pod runs as this
/// user from the start.
const USER: i64 = 2000;

/// First label of the host name of Metabase's route: `analytics` in `analytics.<domain>`.
const HOST: &str = "analytics";

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DASHBOARD, resources)
    .away_for(Outage { part: NAME, from: 60, to: 180, meanwhile: "the dashboard" })
    .unless_replicated(RealtimeSystem::has_several_dashboards)
    .fenced_by(Policy { part: "metabase-policy", name: "metabase-policy", app: APP, admits })
    .reached_by(Route {
        part: "analytics-dashboard",
        host: HOST,
        to: To::Service(SERVICE, HTTP),
        // The first person who completes Metabase's set-up becomes its administrator, so Metabase's route waits for the
        // Job that completes the set-up.
        waits_for: &[SETUP, ISTIO],
        addresses: &[Address {
            field: "analytics",
            about: "The Metabase dashboard, from outside. HTTPS where the environment has a certificate.",
            side: Side::Outside,
            scheme: "http",
            path: "/",
        }],
    });

pub const SETUP_PART: PartOf<RealtimeSystem> = PartOf::new(phase::DASHBOARD, setup);

fn admits(system: &RealtimeSystem) -> Traffic {
    let proxy = system.spec.dashboard.proxy.then_some(apps::ANALYTICS);
    let callers = [SETUP].into_iter().chain(proxy).map(app);
    Traffic::default().from(callers.chain(system.tenant.outside()), &[HTTP]).to_anybody(snowflake::ports(system))
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, APP, &[postgres::DATABASES]);
    let workload = Workload {
        part: &part,
        container: metabase(system),
        init_containers: Vec::new(),
        volumes: vec![scratch_volume(TMP, "2Gi"), scratch_volume("plugins", "1Gi")],
        security: pod_user(USER),
        restart_on: credentials(system.tenant.credentials_generation),
    };
    let mut deployment = workload.deployment();
    let mut resources = Vec::new();
    if system.has_several_dashboards() {
        let topology_key = system.spec.spread_over.topology_key();
        replicate(&mut deployment, &part, system.spec.dashboard.replicas, topology_key);
        resources.push(part.inside("budget", &budget(&part, APP), Ready::Exists));
    }
    resources.extend([
        part.inside("deployment", &deployment, Ready::Available),
        part.inside("service", &service(&part, SERVICE, &[HTTP]), Ready::Exists),
    ]);
    resources
}

fn metabase(system: &RealtimeSystem) -> Container {
    let Share { cpu, memory } = system.sizes.dashboard;
    let mut variables = vec![
        env("MB_DB_TYPE", "postgres"),
        env("MB_DB_HOST", postgres::SERVICE),
        env("MB_DB_PORT", postgres::PORT.1.to_string()),
        env("MB_DB_DBNAME", "metabaseappdb"),
        env("MB_DB_USER", "metabaseappdb"),
        secrets::postgres().env("MB_DB_PASS", postgres_key::METABASE),
        secrets::postgres().env("MB_ENCRYPTION_SECRET_KEY", postgres_key::METABASE_ENCRYPTION),
        env("JAVA_OPTS", format!("-Xmx{}", memory.halved().java())),
        // Metabase's site URL with plain HTTP is correct with and without a certificate, because the environment's
        // gateway redirects HTTP to HTTPS if it has a certificate. The URL is set even while Metabase is not exposed,
        // so that a route can be added or removed without a restart of Metabase.
        env("MB_SITE_URL", format!("http://{}", system.tenant.host(HOST))),
    ];
    if system.has_several_dashboards() {
        variables.push(secrets::sessions().env("MB_SESSION_SECRET_KEY", secrets::SESSION_KEY));
    }
    if !system.tenant.owner.settings.telemetry.metabase {
        // Metabase's set-up stores usage tracking and update checks as enabled, whatever the request for the set-up
        // says. Environment variables override stored settings of Metabase, so two of these variables disable both.
        variables.extend(["MB_ANON_TRACKING_ENABLED", "MB_CHECK_FOR_UPDATES"].map(|name| env(name, "false")));
    }
    Container {
        env: Some(variables),
        // Metabase unpacks its drivers into `/plugins`, so a volume is mounted at that path.
        volume_mounts: Some(vec![mount(TMP, "/tmp"), mount("plugins", "/plugins")]),
        security_context: Some(confined()),
        resources: Some(requests(cpu, &memory.quantity(), &memory.quantity())),
        // The first start of Metabase migrates its database, so the startup probe allows ten minutes.
        startup_probe: Some(http_probe("/api/health", HTTP.0, 5, 120)),
        readiness_probe: Some(http_probe("/api/health", HTTP.0, 10, 3)),
        // Metabase's `/api/health` fails when its database does not answer. A restart of Metabase would not repair the
        // database, so the liveness probe only connects to Metabase's port.
        liveness_probe: Some(tcp_probe(HTTP.0, 20, 6)),
        ..container("metabase", system.tenant.image(Image::Metabase), &[HTTP])
    }
}

fn setup(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(SETUP, SETUP, &[NAME]);
    let administrator = secrets::dashboard();
    let task = Task {
        part: &part,
        name: SETUP,
        image: system.tenant.image(Image::Curl),
        script: script::METABASE_SETUP,
        env: vec![
            env("METABASE_URL", format!("http://{SERVICE}:{}", HTTP.1)),
            administrator.env("ADMIN_EMAIL", "email"),
            administrator.env("ADMIN_PASSWORD", "password"),
            env("SITE_NAME", "Health Streaming"),
        ],
        pod_labels: BTreeMap::new(),
        service_account: None,
        needs_tmp: false,
        memory: "64Mi",
        deadline_seconds: 1800,
        credentials_generation: system.tenant.credentials_generation,
    };
    vec![task.resource()]
}
