//! Load faults: many claims at once. They measure the time until all are settled and the function's CPU and memory, and
//! check that no tenant has an object of another.

use std::fs;

use serde_json::{Value, json};

use super::scene::{Scene, is_claim_settled, seconds};
use super::{Fault, On};
use support::examples::{documents, read};

pub fn faults() -> Vec<Fault> {
    let during = "the function answers all of them";
    let after = "all are settled; none has anything of another";
    vec![
        Fault {
            name: "eight-systems",
            what: "8 real-time systems at once, each in a namespace of its own",
            during,
            after,
            on: On::Empty,
            happen: |scene| many(scene, 8),
        },
        Fault {
            name: "fifty-systems",
            what: "50 real-time systems at once, each in a namespace of its own",
            during,
            after,
            on: On::Demand,
            happen: |scene| many(scene, 50),
        },
        Fault {
            name: "twenty-pairs",
            what: "20 environments claimed by two claims of two namespaces each, all 40 at once",
            during: "each environment gets one owner, with both its ProviderConfigs and its Namespace",
            after: "the other claim says whose it is, and nothing of it is taken up",
            on: On::Demand,
            happen: pairs,
        },
    ]
}

/// Twenty environments, each claimed by two claims from two namespaces.
fn pairs(scene: &mut Scene) -> String {
    const TEAMS: [&str; 2] = ["team-a", "team-b"];
    let names: Vec<String> = (1..=20).map(|number| format!("pair-{number}")).collect();
    let namespace = |name: &&str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    scene.apply(&TEAMS.iter().map(namespace).collect::<Vec<_>>());
    let mut claims = Vec::new();
    for name in &names {
        for team in TEAMS {
            let mut claim = documents(&read("examples/minimal/vcluster-environment.yaml")).remove(0);
            claim["metadata"] = json!({"name": format!("{team}-{name}"), "namespace": team});
            claim["spec"] = json!({
                "name": name,
                "components": {"istio": false, "knativeServing": false, "observability": false},
            });
            claims.push(claim);
        }
    }
    scene.apply(&claims);
    let label = |object: &Value, name: &str| {
        object["metadata"]["labels"][format!("platform.example.org/{name}")].as_str().unwrap_or_default().to_owned()
    };
    let ((), took) = scene.until("each pair has one owner", std::time::Duration::from_mins(15), |scene| {
        let claims = scene.list("vclusterenvironmentclaims", &["--all-namespaces"]).ok()?;
        let settled = |claim: &&Value| is_claim_settled(claim);
        let told =
            |claim: &&Value| claim["status"]["conditions"].to_string().contains(" owns it (ProviderConfig pair-");
        let of =
            |name: &String| claims.iter().filter(|claim| claim["spec"]["name"] == name.as_str()).collect::<Vec<_>>();
        let decided = |name: &String| {
            let pair = of(name);
            pair.iter().filter(|claim| settled(claim)).count() == 1
                && pair.iter().filter(|claim| told(claim)).count() == 1
        };
        names.iter().all(decided).then_some(())
    });
    let mut first = 0;
    for name in &names {
        let owner = |kind: &str| {
            let object = scene.host(&["get", kind, name, "--output=json"]).unwrap();
            label(&serde_json::from_str(&object).unwrap(), "claim-namespace")
        };
        let owners =
            ["providerconfig.kubernetes.crossplane.io", "providerconfig.helm.crossplane.io", "namespace"].map(owner);
        assert!(owners.iter().all(|other| *other == owners[0]), "{name} is shared: {owners:?}");
        first += usize::from(owners[0] == TEAMS[0]);
        let managed = scene
            .list(super::scene::MANAGED, &[&format!("--selector=platform.example.org/environment={name}")])
            .unwrap();
        let loser = |object: &&Value| label(object, "claim-namespace") != owners[0];
        let touched = managed.iter().filter(loser).find(|object| !object["metadata"]["finalizers"].is_null());
        assert_eq!(touched, None, "a provider has taken up what is the other claim's");
    }
    format!("decided after {}; {first} went to the one namespace, {} to the other", seconds(took), names.len() - first)
}

/// Maximum number of namespaces in one environment.
const EACH: usize = 10;

/// Creates `number` minimal real-time systems, each in its own namespace, and the minimal environments for them. All
/// environments share one inner cluster, so that only the first installs components, and systems in the others do not
/// use them.
fn many(scene: &mut Scene, number: usize) -> String {
    let one = |file: &str| documents(&read(format!("examples/minimal/{file}.yaml"))).remove(0);
    let names: Vec<_> = (1..=number).map(|number| format!("team-{number}")).collect();
    let mut environments = Vec::new();
    let mut claims = Vec::new();
    for (nth, teams) in names.chunks(EACH).enumerate() {
        let name = format!("streaming-{}", nth + 1);
        let mut environment = one("vcluster-environment");
        environment["metadata"]["name"] = json!(name);
        environment["spec"]["name"] = json!(name);
        environment["spec"]["namespaces"] = json!(teams);
        if nth > 0 {
            environment["spec"]["components"] =
                json!({"istio": false, "knativeServing": false, "observability": false});
        }
        claims.push(environment);
        for team in teams {
            let mut system = one("realtime-system");
            system["metadata"]["name"] = json!(team);
            system["spec"]["namespace"] = json!(team);
            system["spec"]["environment"] = json!(name);
            if nth > 0 {
                system["spec"]["expose"] = json!(false);
                system["spec"]["monitoring"] = json!(false);
                system["spec"]["dashboard"] = json!({"proxy": false});
            }
            claims.push(system);
        }
        environments.push(name);
    }
    let began = std::time::Instant::now();
    let calls = scene.calls();
    scene.apply(&claims);
    for environment in &environments {
        scene.provide_secrets(environment);
    }
    let limit = std::time::Duration::from_mins(if number > 8 { 60 } else { 15 });
    scene.until("all are settled", limit, |scene| {
        let claims = scene.list(super::scene::CLAIMS, &["--all-namespaces"]).ok()?;
        (claims.len() == number + environments.len() && claims.iter().all(is_claim_settled)).then_some(())
    });
    let took = began.elapsed();
    for name in &names {
        let kinds = "deployments.apps,services,configmaps,jobs.batch,networkpolicies.networking.k8s.io";
        let objects =
            scene.list_inside(kinds, &["--namespace", name, "--selector=platform.example.org/claim"]).unwrap();
        let stranger = |object: &&Value| object["metadata"]["labels"]["platform.example.org/claim"] != name.as_str();
        assert!(!objects.is_empty(), "{name} has nothing");
        assert_eq!(objects.iter().find(stranger), None, "{name} has something of another");
    }
    let calls = scene.calls() - calls;
    let usages: Vec<_> = scene.stage.function.replicas.iter().map(|replica| usage(replica.program.pid())).collect();
    let most = usages.iter().map(|(memory, _)| *memory).fold(0.0, f64::max);
    let work: f64 = usages.iter().map(|(_, seconds)| seconds).sum();
    format!(
        "settled after {}; {calls:.0} calls, {work:.1} s of CPU in all, at most {most:.0} MiB in a replica",
        seconds(took),
    )
}

/// Peak resident memory of a process in MiB, and its CPU time in seconds.
fn usage(pid: i32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields after the program's name, which is in parentheses: the 12th and 13th are user and system time in ticks,
    // 100 per second on Linux.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    (kilobytes / 1024.0, ticks / 100.0)
}
