//! Border that an API server enforces around the providers: it denies writes outside of environments, both with the
//! providers' own rights and with every right.

mod host;
mod reported;

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use host::{
    CLAIM_NAMESPACE, ENVIRONMENT, FOREIGN, HELM, Host, KUBERNETES, MISLABELLED, OURS, POLICY, binding, cluster_role,
    contents, environment, helm_cluster_provider_config, kubernetes_cluster_provider_config, namespace, object,
    provider_config,
};
use serde_json::{Value, json};

use support::examples::{documents, read};
use support::tools::{BEAT, LIMIT};

#[test]
fn an_api_server_keeps_the_border() {
    let host = Host::start();
    providers_write_where_an_environment_is_and_nowhere_else(&host);
    nothing_of_the_cluster_is_taken_over(&host);
    what_is_made_says_whose_it_is_and_goes_on_saying_so(&host);
    cluster_provider_configs_of_provider_kubernetes_are_its_own_and_an_environments(&host);
    the_way_inside_is_written_by_the_virtual_cluster_alone(&host);
    providers_keep_what_is_their_own_and_others_are_not_asked(&host);
    reported::an_object_says_what_to_do(&host);
    // The next check gives the providers every right. The last one also gives them other teams' namespaces.
    no_way_leads_around_the_border(&host);
    namespaces_of_other_teams_are_named_in_the_binding(&host);
}

/// Provider whose rights on the host cover a kind.
fn writer(object: &Value) -> &'static str {
    let group = object["apiVersion"].as_str().unwrap();
    if group.contains("external-secrets.io") || group.contains("cluster.x-k8s.io") { KUBERNETES } else { HELM }
}

/// Kinds that the rights of provider-helm allow it to change, but not to create or delete.
const CHANGED_ONLY: [&str; 2] = ["Deployment", "ReplicaSet"];

/// Every kind of write to these objects: the arguments of `kubectl`, and the objects.
fn asked_of(objects: &[Value]) -> Vec<(Vec<&'static str>, Vec<Value>)> {
    let with = |pointer: &str, value: &str| {
        let change = |object: &Value| {
            let mut changed = object.clone();
            changed["metadata"][pointer] =
                if pointer == "name" { json!(value) } else { json!({"example.org/by": value}) };
            changed
        };
        objects.iter().map(change).collect::<Vec<_>>()
    };
    let whole = |objects: Vec<Value>| {
        objects.into_iter().filter(|object| CHANGED_ONLY.iter().all(|kind| object["kind"] != *kind)).collect()
    };
    vec![
        (vec!["create", "--dry-run=server"], whole(with("name", "new"))),
        (vec!["apply", "--dry-run=server", "--server-side"], whole(with("name", "new"))),
        (vec!["apply", "--dry-run=server", "--server-side", "--force-conflicts"], with("annotations", "server")),
        (vec!["apply", "--dry-run=server"], with("annotations", "client")),
        (vec!["replace", "--dry-run=server"], with("annotations", "nobody")),
        (vec!["delete", "--dry-run=server"], whole(objects.to_vec())),
    ]
}

fn providers_write_where_an_environment_is_and_nowhere_else(host: &Host) {
    for (place, refused) in [(OURS, false), (FOREIGN, true), (MISLABELLED, true)] {
        let (kubernetes, helm): (Vec<_>, Vec<_>) =
            contents(place).into_iter().partition(|object| writer(object) == KUBERNETES);
        for (user, objects) in [(KUBERNETES, kubernetes), (HELM, helm)] {
            for (arguments, objects) in asked_of(&objects) {
                let answer = host.asks(Some(user), &arguments, &objects);
                let number = if refused { objects.len() } else { 0 };
                assert_eq!(answer.refusals(), number, "{place}: {}: {}", answer.what, answer.said);
                assert_eq!(answer.done, !refused, "{place}: {}: {}", answer.what, answer.said);
            }
        }
        // Crossplane gives every provider rights to write Secrets in all namespaces.
        let secret: Vec<Value> = contents(place).into_iter().filter(|object| object["kind"] == "Secret").collect();
        let written = host.asks(Some(KUBERNETES), &["apply", "--dry-run=server", "--server-side"], &secret);
        assert_eq!(written.refusals(), usize::from(refused), "{place}: {}", written.said);
    }
}

/// An account with rights to write Secrets in an environment's namespace cannot write a Secret that providers read as a
/// kubeconfig.
fn the_way_inside_is_written_by_the_virtual_cluster_alone(host: &Host) {
    const TENANT: &str = "system:serviceaccount:team:mallory";
    /// Kubernetes' controllers, with a service account for each and with one name for all.
    const CONTROLLERS: [&str; 2] =
        ["system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager"];
    let own = format!("system:serviceaccount:{OURS}:vc-{OURS}");
    let subject = |user: &str| json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user});
    let mut writers = binding("secret-writers", "secret-writers", &[]);
    writers["subjects"] = [TENANT, &own].iter().chain(&CONTROLLERS).map(|user| subject(user)).collect();
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]});
    host.may(None, &["apply", "--server-side"], &[cluster_role("secret-writers", &[rule]), writers]);
    let secret = |namespace: &str, name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}});
    let denied = "ValidatingAdmissionPolicy 'realtime-platform-kubeconfigs'";
    for name in [format!("vc-{OURS}"), "vc-anything".to_owned(), format!("{OURS}-certs")] {
        let made = [secret(OURS, &name)];
        for how in [vec!["create"], vec!["apply", "--server-side"]] {
            let answer = host.asks(Some(TENANT), &how, &made);
            assert!(!answer.done && answer.said.contains(denied), "{name}: {}", answer.said);
        }
        // The virtual cluster creates the Secret, and the tenant cannot change it.
        host.may(Some(&own), &["create"], &made);
        let mut changed = made[0].clone();
        changed["stringData"] = json!({"config": "another"});
        let answer = host.asks(Some(TENANT), &["apply", "--server-side", "--force-conflicts"], &[changed.clone()]);
        assert!(!answer.done && answer.said.contains(denied), "{name}: {}", answer.said);
        for (by, user) in CONTROLLERS.into_iter().enumerate() {
            let label = format!("by={by}");
            host.may(Some(user), &["label", "--namespace", OURS, "--overwrite", "secret", &name, &label], &[]);
        }
        host.may(Some(HELM), &["apply", "--server-side", "--force-conflicts"], &[changed.clone()]);
        host.may(None, &["apply", "--server-side", "--force-conflicts"], &[changed]);
    }
    let mut generated = secret(OURS, "");
    generated["metadata"] = json!({"generateName": "vc-", "namespace": OURS});
    let answer = host.asks(Some(TENANT), &["create"], &[generated]);
    assert!(!answer.done && answer.said.contains(denied), "{}", answer.said);
    host.may(Some(TENANT), &["create"], &[secret(OURS, "team.license")]);
    host.may(Some(TENANT), &["create"], &[secret(FOREIGN, "vc-anything")]);
}

/// Command in a message, as arguments for `kubectl`: the one that the owner of the object runs to label it.
fn command(message: &str) -> Vec<String> {
    let (_, command) = message.split_once(": kubectl ").unwrap();
    let command = command.lines().next().unwrap().replace("NAMESPACE-OF-THE-CLAIM", "team");
    command.split(' ').map(str::to_owned).collect()
}

/// Cluster-scoped kinds: name of the kind for `kubectl`, and a function that creates an object from name and labels.
type Made = fn(&str, &[(&str, &str)]) -> Value;
const OF_THE_CLUSTER: [(&str, Made); 3] = [
    ("namespace", namespace),
    ("providerconfig.helm.crossplane.io", provider_config),
    ("clusterproviderconfig.helm.m.crossplane.io", helm_cluster_provider_config),
];

fn nothing_of_the_cluster_is_taken_over(host: &Host) {
    for (kind, made) in OF_THE_CLUSTER {
        let labelled = |name: &str| made(name, &[(ENVIRONMENT, name), (CLAIM_NAMESPACE, "team")]);
        host.may(None, &["apply", "--server-side"], &[made("foreign", &[]), labelled("ours")]);
        // A provider may add the label in the same request that takes the object over: the policy denies it too.
        for how in [vec!["apply", "--server-side", "--force-conflicts"], vec!["apply"], vec!["replace"], vec!["delete"]]
        {
            let message = host.refuses(KUBERNETES, &how, &[labelled("foreign")]);
            assert!(message.contains(&format!("{kind} foreign is no environment of")), "{message}");
        }
        let name = format!("{kind}/foreign");
        let label = format!("{ENVIRONMENT}=foreign");
        host.refuses(KUBERNETES, &["label", &name, &label], &[]);
        let remark = ["annotate", &name, "example.org/by=provider"];
        let message = host.refuses(KUBERNETES, &remark, &[]);
        // An account with rights to label the object runs the command of the message. After that the provider may
        // change it.
        let command = command(&message);
        host.may(None, &command.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        host.may(Some(KUBERNETES), &remark, &[]);
        for how in [vec!["apply", "--server-side", "--force-conflicts"], vec!["delete", "--wait=false"]] {
            host.may(Some(KUBERNETES), &how, &[labelled("foreign")]);
        }
    }
}

fn what_is_made_says_whose_it_is_and_goes_on_saying_so(host: &Host) {
    for (kind, made) in OF_THE_CLUSTER {
        let labels = |environment, claims| [(ENVIRONMENT, environment), (CLAIM_NAMESPACE, claims)];
        let create = ["create", "--dry-run=server"];
        host.refuses(KUBERNETES, &create, &[made("new", &[])]);
        host.refuses(KUBERNETES, &create, &[made("new", &[(CLAIM_NAMESPACE, "team")])]);
        host.refuses(KUBERNETES, &create, &[made("new", &labels("other", "team"))]);
        host.may(Some(KUBERNETES), &["create"], &[made("new", &labels("new", "team"))]);

        let name = format!("{kind}/new");
        let removed = [format!("{ENVIRONMENT}-"), format!("{CLAIM_NAMESPACE}-")];
        let changed = [format!("{ENVIRONMENT}=other"), format!("{CLAIM_NAMESPACE}=other")];
        for label in removed.iter().chain(&changed) {
            let message = host.refuses(KUBERNETES, &["label", "--overwrite", &name, label], &[]);
            assert!(
                message.contains(&format!("the labels that say whose {kind} new is stay as they are")),
                "{message}"
            );
        }
        host.refuses(KUBERNETES, &["replace"], &[made("new", &[])]);
        host.refuses(KUBERNETES, &["replace"], &[made("new", &labels("new", "other"))]);
        // A recreated claim may have another name, and the provider may change all other labels.
        host.may(Some(KUBERNETES), &["label", &name, "platform.example.org/claim=again", "example.org/more=true"], &[]);
        host.may(None, &["label", "--overwrite", &name, &format!("{CLAIM_NAMESPACE}=other")], &[]);
        host.may(Some(KUBERNETES), &["replace"], &[made("new", &labels("new", "other"))]);
        // A label without the namespace of the claim hands the object to nobody.
        host.may(None, &["label", &name, &removed[1]], &[]);
        host.refuses(KUBERNETES, &["label", &name, &changed[1]], &[]);
        host.may(Some(KUBERNETES), &["delete", "--wait=false"], &[made("new", &[])]);
    }
}

/// provider-kubernetes writes ClusterProviderConfigs of its own kind for environments, and notes on each of them
/// whether it is in use.
fn cluster_provider_configs_of_provider_kubernetes_are_its_own_and_an_environments(host: &Host) {
    const KIND: &str = "clusterproviderconfig.kubernetes.m.crossplane.io";
    let made = kubernetes_cluster_provider_config;
    let labels = |name| [(ENVIRONMENT, name), (CLAIM_NAMESPACE, "team")];
    host.refuses(KUBERNETES, &["create", "--dry-run=server"], &[made("new", &[])]);
    host.refuses(KUBERNETES, &["create", "--dry-run=server"], &[made("new", &labels("other"))]);
    host.may(Some(KUBERNETES), &["create"], &[made("new", &labels("new"))]);
    // The one for the host, which no environment owns.
    let used = json!({"metadata": {"finalizers": ["in-use.crossplane.io"]}}).to_string();
    for name in ["host", "new"] {
        let target = format!("{KIND}/{name}");
        host.may(Some(KUBERNETES), &["patch", &target, "--type=merge", "--patch", &used], &[]);
    }
    let elsewhere = json!({"spec": {"credentials": {"source": "Secret", "secretRef": {"namespace": "x", "name": "y", "key": "z"}}}});
    let elsewhere = elsewhere.to_string();
    let host_config = format!("{KIND}/host");
    host.refuses(KUBERNETES, &["patch", &host_config, "--type=merge", "--patch", &elsewhere], &[]);
    host.refuses(KUBERNETES, &["label", &host_config, &format!("{ENVIRONMENT}=host")], &[]);
    host.refuses(KUBERNETES, &["delete", "--dry-run=server", &host_config], &[]);
    host.may(Some(KUBERNETES), &["patch", &format!("{KIND}/new"), "--type=merge", "--patch", &elsewhere], &[]);
    let message = host.refuses(
        KUBERNETES,
        &["label", "--overwrite", &format!("{KIND}/new"), &format!("{CLAIM_NAMESPACE}=other")],
        &[],
    );
    assert!(message.contains(&format!("the labels that say whose {KIND} new is stay as they are")), "{message}");
    let free = json!({"metadata": {"finalizers": null}}).to_string();
    host.may(Some(KUBERNETES), &["patch", &format!("{KIND}/new"), "--type=merge", "--patch", &free], &[]);
    host.may(Some(KUBERNETES), &["delete", &format!("{KIND}/new"), "--wait=false"], &[]);
}

fn providers_keep_what_is_their_own_and_others_are_not_asked(host: &Host) {
    for kind in ["providerconfig.helm.crossplane.io", "clusterproviderconfig.helm.m.crossplane.io"] {
        host.may(Some(HELM), &["annotate", &format!("{kind}/host"), "example.org/used=true"], &[]);
    }
    let lease = object("crossplane-system", "coordination.k8s.io/v1", "Lease", &json!({"spec": {}}));
    let told = json!({"involvedObject": {"namespace": "crossplane-system"}, "reason": "Tried", "message": "tried"});
    let event = object("crossplane-system", "v1", "Event", &told);
    host.may(None, &["create"], &[cluster_role("all", &[all()])]);
    for user in [KUBERNETES, HELM] {
        host.may(Some(user), &["create", "--dry-run=server"], &[lease.clone(), event.clone()]);
    }
    // Other accounts get every RBAC right, so that only the policy could deny their requests.
    let mut everybody = binding("all", "all", &[]);
    let others = ["streaming:vc-streaming", "external-secrets:external-secrets", "crossplane-system:provider-other"];
    let others = others.map(|account| format!("system:serviceaccount:{account}"));
    let subject = |user: &String| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user});
    everybody["subjects"] = others.iter().map(subject).collect();
    host.may(None, &["create"], &[everybody]);
    for user in &others {
        let mut objects = contents(FOREIGN);
        objects.push(namespace(FOREIGN, &[(ENVIRONMENT, FOREIGN)]));
        host.may(Some(user), &["apply", "--dry-run=server", "--server-side", "--force-conflicts"], &objects);
    }
}

fn all() -> Value {
    json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
}

/// Requests to subresources of existing objects, each with its body, which `kubectl` sends unchanged.
fn below(namespace: &str) -> Vec<(String, String, Value)> {
    let at = |group: &str, rest: &str| format!("/{group}/namespaces/{namespace}/{rest}");
    let pod = |rest: &str| at("api/v1", &format!("pods/there/{rest}"));
    let metadata = json!({"name": "there", "namespace": namespace});
    let whole = contents(namespace);
    let found = |kind: &str| whole.iter().find(|object| object["kind"] == kind).unwrap().clone();
    let mut debugged = found("Pod");
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "registry.example.org/debug:1.0.0"}]);
    let scale = json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": 0},
    });
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
    let bound = json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"name": "node"}});
    let token =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["any"]}});
    let connect = |verb: &str, path: String| (verb.to_owned(), path, json!({}));
    let write = |verb: &str, path: String, body: Value| (verb.to_owned(), format!("{path}?dryRun=All"), body);
    vec![
        connect("create", pod("exec?command=true&stdout=true")),
        connect("get", pod("exec?command=true&stdout=true")),
        connect("create", pod("attach?stdout=true")),
        connect("get", pod("attach?stdout=true")),
        connect("create", pod("portforward?ports=80")),
        connect("get", pod("portforward?ports=80")),
        connect("get", pod("proxy/")),
        connect("get", at("api/v1", "services/there/proxy/")),
        write("replace", pod("ephemeralcontainers"), debugged),
        write("replace", pod("status"), found("Pod")),
        write("create", pod("eviction"), eviction),
        write("create", pod("binding"), bound),
        write("create", at("api/v1", "serviceaccounts/there/token"), token),
        write("replace", at("apis/apps/v1", "statefulsets/there/scale"), scale.clone()),
        write("replace", at("apis/apps/v1", "deployments/there/scale"), scale),
        write("replace", at("api/v1", "persistentvolumeclaims/there/status"), found("PersistentVolumeClaim")),
        write("delete", at("api/v1", "secrets"), json!({})),
        write("delete", at("api/v1", "configmaps"), json!({})),
        write("delete", at("apis/external-secrets.io/v1alpha1", "pushsecrets"), json!({})),
    ]
}

/// Requests of providers with every RBAC right, so that only the policy can deny them.
fn no_way_leads_around_the_border(host: &Host) {
    let mighty = binding("mighty", "all", &["provider-kubernetes", "provider-helm"]);
    host.may(None, &["create"], &[mighty]);
    for (user, place, refused) in [(KUBERNETES, FOREIGN, true), (HELM, FOREIGN, true), (HELM, OURS, false)] {
        for (verb, path, body) in below(place) {
            let bodies = if verb == "get" { vec![] } else { vec![body] };
            let answer = host.asks(Some(user), &[&verb, "--raw", &path], &bodies);
            assert_eq!(answer.is_refused(), refused, "{}: {}", answer.what, answer.said);
            // The API server reports the missing kubelet only after it has evaluated the policy.
            let unreachable = ["does not have a host", "address not allowed", "no endpoints"];
            let taken = answer.done || unreachable.iter().any(|end| answer.said.contains(end));
            assert!(refused || taken, "{}: {}", answer.what, answer.said);
        }
        for part in ["", "/status", "/finalize"] {
            let path = format!("/api/v1/namespaces/{place}{part}?dryRun=All");
            let answer = host.asks(Some(user), &["replace", "--raw", &path], &[environment(place)]);
            assert_eq!(answer.is_refused(), refused, "{}: {}", answer.what, answer.said);
        }
        // The label that the API server itself sets on a namespace cannot be forged.
        let posing = namespace(place, &[("kubernetes.io/metadata.name", "their-namespace")]);
        host.refuses(user, &["replace", "--dry-run=server"], &[posing]);
    }
}

fn namespaces_of_other_teams_are_named_in_the_binding(host: &Host) {
    host.may(None, &["create"], &[namespace("their-namespace", &[])]);
    let secret = |namespace: &str| object(namespace, "v1", "Secret", &json!({}));
    let create = ["create", "--dry-run=server"];
    host.refuses(KUBERNETES, &create, &[secret("their-namespace")]);
    // A comment of the file shows the patch that the guide gives.
    let file = read("package/install/providers/borders.yaml");
    let shown: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    let shown: Value = serde_yaml::from_str(&shown.join("\n")).unwrap();
    let guide = read("docs/install.md");
    let told = guide.split_once(&format!("validatingadmissionpolicybinding {POLICY} --type=merge -p '")).unwrap().1;
    let told = told.split_once('\'').unwrap().0;
    assert_eq!(serde_json::from_str::<Value>(told).unwrap(), json!({"spec": shown}));
    let binding = ["validatingadmissionpolicybinding", POLICY];
    host.may(None, &[&["patch"], &binding[..], &["--type=merge", "-p", told]].concat(), &[]);
    // The patch survives when the file is applied again.
    for how in [vec!["apply"], vec!["apply", "--server-side", "--force-conflicts"]] {
        host.may(None, &how, &documents(&file));
    }
    let kept = host.json(&[&["get"], &binding[..]].concat());
    let selector = |value: &Value| value["matchResources"]["namespaceSelector"].clone();
    assert_eq!(selector(&kept["spec"]), selector(&shown));
    host.enforce(&secret(FOREIGN));
    let started = Instant::now();
    while host.asks(Some(KUBERNETES), &create, &[secret("their-namespace")]).is_refused() {
        assert!(started.elapsed() < LIMIT, "what is named is refused");
        thread::sleep(BEAT);
    }
    host.may(Some(KUBERNETES), &create, &[namespace("another-one", &[])]);
    host.may(Some(KUBERNETES), &["annotate", "namespace/their-namespace", "example.org/by=provider"], &[]);
    host.refuses(KUBERNETES, &create, &[secret(FOREIGN)]);
    host.refuses(KUBERNETES, &create, &[namespace("unlabelled", &[])]);
    host.refuses(
        KUBERNETES,
        &["label", "--overwrite", "namespace/argocd", "kubernetes.io/metadata.name=their-namespace"],
        &[],
    );
}

/// Resources of a rule, each a group and a name.
fn named(rule: &Value) -> BTreeSet<(String, String)> {
    let each = |key: &str| -> Vec<String> {
        rule[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let resources = each("resources");
    each("apiGroups").iter().flat_map(|group| resources.iter().map(move |name| (group.clone(), name.clone()))).collect()
}

#[test]
fn every_right_to_write_has_its_border() {
    let reads = ["get", "list", "watch"];
    let rights = documents(&read("package/install/providers/rights.yaml"));
    let writes = |rule: &&Value| {
        let rule = rule["verbs"].as_array().unwrap().iter();
        rule.clone().any(|verb| !reads.contains(&verb.as_str().unwrap()))
    };
    let rules = rights.iter().filter(|object| object["kind"] == "ClusterRole");
    let rules = rules.flat_map(|role| role["rules"].as_array().unwrap()).filter(writes);
    let mut wanted = BTreeSet::new();
    for (group, resource) in rules.flat_map(named) {
        let resource = resource.split('/').next().unwrap().to_owned();
        // Events need no border: a provider writes them in the namespace of the object that they are about.
        if resource != "events" {
            wanted.extend([(group.clone(), format!("{resource}/*")), (group, resource)]);
        }
    }
    assert!(wanted.len() > 30, "{wanted:?}");
    let policy = documents(&read("package/install/providers/borders.yaml")).remove(0);
    let rules = policy["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
    let kept: BTreeSet<_> = rules.iter().flat_map(named).collect();
    assert_eq!(kept, wanted);
    for rule in rules {
        assert_eq!(rule["operations"], json!(["CREATE", "UPDATE", "DELETE", "CONNECT"]));
        assert_eq!(rule["apiVersions"], json!(["*"]));
    }
}
