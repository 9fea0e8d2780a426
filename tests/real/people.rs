//! Rights of people inside the virtual cluster, at a real API server: persons get an identity by the commands of
//! docs/people.md, and their requests are allowed or denied as its table says.

mod requests;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};
use support::api_server::{ApiServer, controller_manager};
use support::chart::{rendered, shipped};
use support::composed;
use support::crossplane::write;
use support::examples::{documents, read};
use support::tools::{Daemon, Scratch, run, said, tool};
use wiring::platform::Platform;
use wiring::value::Look as _;

const PAGE: &str = "docs/people.md";

/// Namespace inside the virtual cluster, and a group that its claims name for several rights.
const NAMESPACE: &str = "research";
const GROUP: &str = "research-developers";

/// Name of the environment in the page's commands. The test's API server has this name in its certificate, as that of a
/// virtual cluster has the environment's.
const ENVIRONMENT: &str = "kubernetes";

/// API server with the controller that signs approved requests, as in a virtual cluster, and with the composed Roles of
/// an example.
struct Stage {
    // Fields are dropped from top to bottom: the programs end before their folder is removed.
    _signer: Daemon,
    server: ApiServer,
    scratch: Scratch,
}

impl Stage {
    fn start() -> Self {
        let server = ApiServer::start();
        let scratch = Scratch::new("people");
        let this = Self { _signer: signer(&server, &scratch), server, scratch };
        fs::create_dir_all(this.scratch.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(tool("kubectl"), this.scratch.path().join("bin/kubectl")).unwrap();
        let mut objects = vec![named("v1", "Namespace", None, ENVIRONMENT)];
        objects.extend(stands());
        this.apply(&objects);
        let mut kubeconfig = named("v1", "Secret", Some(ENVIRONMENT), &format!("vc-{ENVIRONMENT}"));
        kubeconfig["stringData"] = json!({"config": this.server.portable_kubeconfig(None)});
        this.apply(&[kubeconfig]);
        this
    }

    fn apply(&self, objects: &[Value]) {
        let file = write(self.scratch.path(), "objects.yaml", objects);
        let output = run(self.server.kubectl().args(["apply", "--server-side", "--filename"]).arg(file));
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Address of the API server, with its scheme.
    fn address(&self) -> String {
        let config: Value = serde_yaml::from_str(&self.server.portable_kubeconfig(None)).unwrap();
        config.text("/clusters/0/cluster/server").to_owned()
    }

    /// Runs commands of the page in a folder, in one shell, for a person with this subject in her certificate.
    fn run(&self, folder: &Path, subject: &str, commands: &[String]) -> Output {
        let address = self.address();
        let filled = |text: &String| {
            text.replace("/O=GROUP/CN=ada", subject)
                .replace("GROUP", GROUP)
                .replace("NAMESPACE", NAMESPACE)
                .replace("ENVIRONMENT", ENVIRONMENT)
                .replace("ADDRESS", address.trim_start_matches("https://"))
        };
        fs::create_dir_all(folder).unwrap();
        let script = folder.join("commands.sh");
        fs::write(&script, commands.iter().map(filled).collect::<Vec<_>>().join("\n")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail"]).arg(script).current_dir(folder);
        bash.env("PATH", format!("{}:{path}", self.scratch.path().join("bin").display()));
        bash.env("KUBECONFIG", self.server.kubeconfig()).env("KUBECACHEDIR", folder.join("cache"));
        run(&mut bash)
    }

    /// Folder with the certificate `ada.crt` and the key `ada.key` of a person with this subject, made by the page's
    /// commands.
    fn identity(&self, subject: &str) -> std::path::PathBuf {
        let folder = self.scratch.path().join(subject.replace(['/', '=', ':'], "-"));
        let Commands { request, sign, .. } = commands();
        let output = self.run(&folder, subject, &[request, ADMINISTRATOR.to_owned(), sign]);
        assert!(output.status.success(), "{}", said(&output));
        folder
    }
}

/// First command of the page's second step, without the look at the request, which is made for one subject.
const ADMINISTRATOR: &str =
    "kubectl get secret vc-ENVIRONMENT -n ENVIRONMENT -o jsonpath='{.data.config}' | base64 -d > admin.kubeconfig";

/// Kubernetes' own controllers that sign and approve requests for certificates, with the authority that the API server
/// trusts.
fn signer(server: &ApiServer, scratch: &Scratch) -> Daemon {
    let [_, certificate, key] = server.certificates();
    let controllers =
        ["certificatesigningrequest-signing-controller", "certificatesigningrequest-approving-controller"];
    let mut manager = controller_manager(&server.kubeconfig(), &controllers);
    manager.arg(format!("--cluster-signing-cert-file={}", certificate.display()));
    manager.arg(format!("--cluster-signing-key-file={}", key.display()));
    Daemon::start(&manager, scratch.path().join("manager.log"))
}

fn named(version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Value {
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

/// Example in which a claim gives each right that there is.
fn example() -> Platform {
    let platforms = wiring::examples::platforms().into_iter();
    platforms.into_iter().find(|platform| platform.name == "variants/second-namespace").unwrap()
}

/// Namespaces, Roles and RoleBindings that the example composes inside the virtual cluster, and the Secrets that there
/// are, without content.
fn stands() -> Vec<Value> {
    let platform = example();
    let inside = platform.resources().filter(|(_, resource)| resource.place == Place::Inside);
    let manifests = inside.map(|(_, resource)| resource.manifest().clone());
    let (namespaces, others): (Vec<Value>, Vec<Value>) =
        manifests.partition(|manifest| manifest.text("/kind") == "Namespace");
    let rights = others.into_iter().filter(|it| ["Role", "RoleBinding"].contains(&it.text("/kind")));
    let secrets = ["research", "streaming"].into_iter().flat_map(|namespace| {
        requests::secrets().into_iter().map(move |name| named("v1", "Secret", Some(namespace), &name))
    });
    namespaces.into_iter().chain(rights).chain(secrets).collect()
}

/// Commands of the page, by its steps.
struct Commands {
    request: String,
    look: String,
    sign: String,
    kubeconfig: String,
    see: String,
}

fn commands() -> Commands {
    let page = read(PAGE);
    let mut blocks = page.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let mut next = || blocks.next().unwrap();
    let commands = Commands { request: next(), look: next(), sign: next(), kubeconfig: next(), see: next() };
    assert_eq!(blocks.next(), None, "a command that no test runs");
    commands
}

#[test]
fn a_person_gets_in_by_the_commands_of_the_page() {
    let stage = Stage::start();
    let Commands { request, look, sign, kubeconfig, see } = commands();
    let folder = stage.scratch.path().join("ada");
    let subject = format!("/O={GROUP}/CN=ada");
    let output = stage.run(&folder, &subject, &[request.clone(), look.clone(), sign, kubeconfig, see.clone()]);
    let told = said(&output);
    assert!(output.status.success(), "{told}");
    let told: Vec<Vec<&str>> = told.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(told.contains(&vec!["Username", "ada"]), "{told:?}");
    assert!(told.contains(&vec!["Groups", &format!("[{GROUP}"), "system:authenticated]"]), "{told:?}");

    looks_closely(&stage, &request, &look);
    is_not_signed_unasked(&stage, &request);
    is_nobody_elses(&stage);

    // Whoever is no longer in the claim is refused with a certificate that is still good.
    for binding in ["realtime-system-viewer", "iot-broker-viewer"] {
        let mut delete = stage.server.kubectl();
        let output = run(delete.args(["delete", "rolebinding", binding, "--namespace", NAMESPACE]));
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = stage.run(&folder, &subject, &[see]);
    assert!(said(&output).contains("User \"ada\" cannot list resource \"pods\""), "{}", said(&output));
}

/// The look at a request succeeds for the expected subject alone.
fn looks_closely(stage: &Stage, request: &str, look: &str) {
    let own = format!("/O={GROUP}/CN=ada");
    let others = [
        format!("/O={GROUP}/CN=eve"),
        format!("/O={GROUP}/O=system:masters/CN=ada"),
        format!("/O={GROUP}/CN=system:kube-controller-manager"),
        format!("/O={GROUP}/OU=streaming-developers/CN=ada"),
        format!("/O={GROUP}\nsubject=CN=ada,O={GROUP}/CN=ada"),
        "/CN=ada".to_owned(),
    ];
    for (index, subject) in std::iter::once(&own).chain(&others).enumerate() {
        let folder = stage.scratch.path().join(format!("look-{index}"));
        let asked = request.replace("-subj /O=GROUP/CN=ada", &format!("-subj $'{}'", subject.replace('\n', "\\n")));
        let output = stage.run(&folder, "/O=GROUP/CN=ada", &[asked, look.to_owned()]);
        assert_eq!(output.status.success(), subject == &own, "{subject}: {}", said(&output));
    }
}

/// A request alone brings no certificate, and Kubernetes refuses one for its own administrators.
fn is_not_signed_unasked(stage: &Stage, request: &str) {
    let sign = commands().sign;
    let unapproved = sign.replace("inside certificate approve ada\n", "").replace("60s", "3s");
    assert_ne!(sign, unapproved);
    let administrator = [request.to_owned(), ADMINISTRATOR.to_owned(), unapproved];
    let output = stage.run(&stage.scratch.path().join("unasked"), "/O=GROUP/CN=ada", &administrator);
    assert!(said(&output).contains("timed out waiting for the condition"), "{}", said(&output));
    let delete = ["delete", "csr", "ada"];
    assert!(run(stage.server.kubectl().args(delete)).status.success());
    let commands = [request.to_owned(), ADMINISTRATOR.to_owned(), sign];
    let output = stage.run(&stage.scratch.path().join("masters"), "/O=system:masters/CN=ada", &commands);
    assert!(said(&output).contains("system:masters group is not allowed"), "{}", said(&output));
}

/// Certificates that the page warns of, and one that another authority signed.
fn is_nobody_elses(stage: &Stage) {
    let secrets = "/api/v1/namespaces/streaming/secrets";
    let manager = stage.identity("/CN=system:kube-controller-manager");
    assert_eq!(requests::code(stage, Some(&manager), &requests::get(secrets)), 200);
    let pods = requests::get("/api/v1/namespaces/research/pods");
    let own = stage.identity(&format!("/O={GROUP}/CN=ada"));
    assert_eq!(requests::code(stage, Some(&own), &pods), 200);
    let forged = stage.scratch.path().join("forged");
    let forge = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ada.key -out ada.crt -subj /O=GROUP/CN=ada";
    let output = stage.run(&forged, "/O=GROUP/CN=ada", &[forge.to_owned()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(requests::code(stage, Some(&forged), &pods), 401);
}

#[test]
fn requests_are_allowed_and_denied_as_the_table_says() {
    let stage = Stage::start();
    requests::check(&stage);
}

/// The address that the page gives the API server leads to the pods that the chart starts.
#[test]
fn the_service_for_people_leads_to_the_virtual_cluster() {
    let page = read(PAGE);
    let yaml = page.split("```yaml\n").find(|block| block.contains("kind: Service")).unwrap();
    let own = documents(&yaml.split("```").next().unwrap().replace("ENVIRONMENT", "streaming")).remove(0);
    let objects = composed::objects(&[example()]);
    let chart = Chart::VCluster;
    let is_chart = |it: &&Value| it["spec"]["forProvider"]["chart"]["name"] == chart.name();
    let release = objects.iter().find(is_chart).unwrap();
    let scratch = Scratch::new("chart");
    let manifests = rendered(release, &shipped(chart.name(), chart.version(), &scratch), &scratch);
    let is_theirs = |it: &&Value| it.text("/kind") == "Service" && it.text("/metadata/name") == "streaming";
    let theirs = manifests.iter().find(is_theirs).unwrap();
    assert_eq!(own["metadata"]["namespace"], theirs["metadata"]["namespace"]);
    assert_eq!(own["spec"]["selector"], theirs["spec"]["selector"]);
    let port = |service: &Value| {
        let ports = service.items("/spec/ports").iter();
        let https = ports.clone().find(|port| port.text("/name") == "https").unwrap();
        [https["port"].clone(), https["targetPort"].clone()]
    };
    assert_eq!(port(&own), port(theirs));
}
