//! Stand-in for Strimzi's operator of clusters, and for the operator of users that runs beside each Kafka.

use serde_json::{Value, json};

use super::super::StandIn;
use super::super::cluster::{Cluster, Kind, Trouble, condition, holds, is_leaving, name, namespace};
use super::super::journal::Journal;
use super::{DEPLOYMENTS, Members, SERVICES, Volume, count, has_keys, made, once, report, runs, secret_of, service};

const KAFKAS: Kind = Kind::new("apis/kafka.strimzi.io/v1", "kafkas");
const POOLS: Kind = Kind::new("apis/kafka.strimzi.io/v1", "kafkanodepools");
const USERS: Kind = Kind::new("apis/kafka.strimzi.io/v1", "kafkausers");
const CONNECTS: Kind = Kind::new("apis/kafka.strimzi.io/v1", "kafkaconnects");
const CONNECTORS: Kind = Kind::new("apis/kafka.strimzi.io/v1", "kafkaconnectors");

/// Namespace and name of the operator's Deployment in its chart.
const OPERATOR: (&str, &str) = ("strimzi-system", "strimzi-cluster-operator");

/// Label of what belongs to a cluster: its name.
const CLUSTER: &str = "strimzi.io/cluster";

pub struct Strimzi;

impl StandIn for Strimzi {
    async fn look(&mut self, inner: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        if runs(inner, OPERATOR.0, OPERATOR.1).await? {
            let pools = inner.list(POOLS).await?;
            for kafka in present(inner, KAFKAS).await? {
                brokers(inner, journal, &kafka, &pools).await?;
            }
            for connect in present(inner, CONNECTS).await? {
                workers(inner, &connect).await?;
            }
            for connector in present(inner, CONNECTORS).await? {
                keep(inner, &connector).await?;
            }
        }
        for user in present(inner, USERS).await? {
            let operator = format!("{}-entity-operator", cluster(&user));
            if runs(inner, namespace(&user), &operator).await? {
                admit(inner, &user).await?;
            }
        }
        Ok(())
    }
}

/// Objects of a kind that are not being deleted: the garbage collector does all that their deletion asks for.
async fn present(inner: &Cluster, kind: Kind) -> Result<Vec<Value>, Trouble> {
    Ok(inner.list(kind).await?.into_iter().filter(|object| !is_leaving(object)).collect())
}

fn cluster(object: &Value) -> &str {
    object["metadata"]["labels"][CLUSTER].as_str().unwrap_or_default()
}

fn ready(object: &Value) -> Value {
    json!([condition(object, "Ready", true, "", "")])
}

/// Conditions of an object that is not ready. It has no condition `Ready` then.
fn not_ready(object: &Value, reason: &str, message: &str) -> Value {
    json!([condition(object, "NotReady", true, reason, message)])
}

/// Writes into the status of an object that it is not ready, and why.
async fn refuse(inner: &Cluster, kind: Kind, object: &Value, reason: &str, message: &str) -> Result<(), Trouble> {
    let generation = &object["metadata"]["generation"];
    let status = json!({"conditions": not_ready(object, reason, message), "observedGeneration": generation});
    report(inner, kind, object, &status).await
}

async fn brokers(inner: &Cluster, journal: &Journal, kafka: &Value, pools: &[Value]) -> Result<(), Trouble> {
    let (here, own) = (namespace(kafka), name(kafka));
    let template = &kafka["spec"]["kafka"];
    let generation = &kafka["metadata"]["generation"];
    let is_of_it = |pool: &&Value| namespace(pool) == here && cluster(pool) == own && !is_leaving(pool);
    let (mut asked, mut stand) = (0, 0);
    for pool in pools.iter().filter(is_of_it) {
        let storage = &pool["spec"]["storage"];
        let members = Members {
            owner: kafka,
            of: "kafka",
            image: &template["image"],
            resources: &pool["spec"]["resources"],
            volume: Some(Volume {
                size: &storage["size"],
                class: &storage["class"],
                is_owned: storage["deleteClaim"] == true,
                prefix: "data-0-",
            }),
        };
        let replicas = count(&pool["spec"]["replicas"]);
        let mut labels = labels(own, "Kafka", "kafka", &template["template"]);
        labels["strimzi.io/broker-role"] = json!("true");
        for node in 0..replicas {
            let pod = format!("{own}-{}-{node}", name(pool));
            stand += usize::from(members.keep(inner, &pod, &labels).await?);
        }
        asked += replicas;
        let status = json!({
            "observedGeneration": pool["metadata"]["generation"],
            "nodeIds": (0..replicas).collect::<Vec<_>>(),
            "replicas": replicas,
            "roles": pool["spec"]["roles"],
        });
        report(inner, POOLS, pool, &status).await?;
    }
    secret_of(inner, kafka, &format!("{own}-cluster-ca-cert"), &["ca.crt", "ca.p12", "ca.password"]).await?;
    let selector = json!({CLUSTER: own, "strimzi.io/kind": "Kafka", "strimzi.io/name": format!("{own}-kafka")});
    let bootstrap = service(kafka, &format!("{own}-kafka-bootstrap"), &selector, &[("tcp-clients", 9092)]);
    once(inner, SERVICES, &bootstrap).await?;
    if asked == 0 || stand < asked {
        let message = format!("{stand} of {asked} pods are ready");
        let reason = if asked == 0 { "InvalidResourceException" } else { "Creating" };
        return refuse(inner, KAFKAS, kafka, reason, &message).await;
    }
    if !holds(kafka, "Ready") {
        journal.say(&format!("Kafka {here}/{own} has its {asked} nodes"));
    }
    users(inner, kafka).await?;
    let status = json!({
        "conditions": ready(kafka),
        "observedGeneration": generation,
        "kafkaVersion": template["version"],
    });
    report(inner, KAFKAS, kafka, &status).await
}

/// Creates the Deployment of the operator of users, once Kafka has its nodes.
async fn users(inner: &Cluster, kafka: &Value) -> Result<(), Trouble> {
    let entity = &kafka["spec"]["entityOperator"];
    let labels = labels(name(kafka), "Kafka", "entity-operator", &entity["template"]);
    let mut deployment = made(kafka, "apps/v1", "Deployment", &format!("{}-entity-operator", name(kafka)));
    deployment["spec"] = json!({
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "automountServiceAccountToken": false,
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "user-operator",
                    "image": kafka["spec"]["kafka"]["image"],
                    "resources": entity["userOperator"]["resources"],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                }],
            },
        },
    });
    once(inner, DEPLOYMENTS, &deployment).await
}

/// Labels of pods that Strimzi makes of a template. `app.kubernetes.io/part-of` cannot be overridden.
fn labels(cluster: &str, kind: &str, component: &str, template: &Value) -> Value {
    let mut labels = json!({});
    for (label, value) in template["pod"]["metadata"]["labels"].as_object().into_iter().flatten() {
        labels[label] = value.clone();
    }
    labels[CLUSTER] = json!(cluster);
    labels["strimzi.io/kind"] = json!(kind);
    labels["strimzi.io/name"] = json!(format!("{cluster}-{component}"));
    labels["app.kubernetes.io/part-of"] = json!(format!("strimzi-{cluster}"));
    labels
}

/// Writes the Secret of a user whose password is there.
async fn admit(inner: &Cluster, user: &Value) -> Result<(), Trouble> {
    let here = namespace(user);
    let generation = &user["metadata"]["generation"];
    let kafka = inner.get(KAFKAS, Some(here), cluster(user)).await?.unwrap_or_default();
    let password = &user["spec"]["authentication"]["password"]["valueFrom"]["secretKeyRef"];
    let key = password["key"].as_str().unwrap_or_default();
    if !has_keys(inner, here, &password["name"], &[key]).await? {
        let message = format!("Secret {} with requested user password does not exist.", password["name"]);
        return refuse(inner, USERS, user, "InvalidResourceException", &message).await;
    }
    let prefix = kafka["spec"]["entityOperator"]["userOperator"]["secretPrefix"].as_str().unwrap_or_default();
    let secret = format!("{prefix}{}", name(user));
    secret_of(inner, user, &secret, &["password", "sasl.jaas.config"]).await?;
    let status = json!({
        "conditions": ready(user),
        "observedGeneration": generation,
        "username": name(user),
        "secret": secret,
    });
    report(inner, USERS, user, &status).await
}

async fn workers(inner: &Cluster, connect: &Value) -> Result<(), Trouble> {
    let (here, own, spec) = (namespace(connect), name(connect), &connect["spec"]);
    let generation = &connect["metadata"]["generation"];
    let login = &spec["authentication"]["passwordSecret"];
    let key = login["password"].as_str().unwrap_or_default();
    let mut missing = Vec::new();
    for certificate in spec["tls"]["trustedCertificates"].as_array().into_iter().flatten() {
        if !has_keys(inner, here, &certificate["secretName"], &[]).await? {
            missing.push(certificate["secretName"].to_string());
        }
    }
    if !has_keys(inner, here, &login["secretName"], &[key]).await? {
        missing.push(login["secretName"].to_string());
    }
    if !missing.is_empty() {
        let message = format!("Secrets {} do not exist", missing.join(", "));
        return refuse(inner, CONNECTS, connect, "InvalidConfigurationException", &message).await;
    }
    let members =
        Members { owner: connect, of: "connect", image: &spec["image"], resources: &spec["resources"], volume: None };
    let labels = labels(own, "KafkaConnect", "connect", &spec["template"]);
    let replicas = count(&spec["replicas"]);
    let mut stand = 0;
    for worker in 0..replicas {
        stand += usize::from(members.keep(inner, &format!("{own}-connect-{worker}"), &labels).await?);
    }
    let api = service(connect, &format!("{own}-connect-api"), &labels, &[("rest-api", 8083)]);
    once(inner, SERVICES, &api).await?;
    let conditions = if stand < replicas {
        not_ready(connect, "Creating", &format!("{stand} of {replicas} pods are ready"))
    } else {
        ready(connect)
    };
    let status = json!({
        "conditions": conditions,
        "observedGeneration": generation,
        "replicas": replicas,
        "url": format!("http://{own}-connect-api.{here}.svc:8083"),
    });
    report(inner, CONNECTS, connect, &status).await
}

/// Keeps a connector, if a Connect of its name takes connectors from resources.
async fn keep(inner: &Cluster, connector: &Value) -> Result<(), Trouble> {
    let generation = &connector["metadata"]["generation"];
    let connect = inner.get(CONNECTS, Some(namespace(connector)), cluster(connector)).await?.unwrap_or_default();
    let takes = connect["metadata"]["annotations"]["strimzi.io/use-connector-resources"] == "true";
    if takes && !holds(&connect, "Ready") {
        // Strimzi looks at the connectors of a Connect once all of its pods are ready, so that their statuses stay.
        return Ok(());
    }
    if !takes {
        let message = format!("KafkaConnect resource '{}' takes no connectors or does not exist", cluster(connector));
        return refuse(inner, CONNECTORS, connector, "NoSuchResourceException", &message).await;
    }
    let tasks = count(&connector["spec"]["tasksMax"]);
    let running = |id: usize| json!({"id": id, "state": "RUNNING", "worker_id": "worker:8083"});
    let status = json!({
        "conditions": ready(connector),
        "observedGeneration": generation,
        "tasksMax": tasks,
        "connectorStatus": {
            "name": name(connector),
            "connector": {"state": "RUNNING", "worker_id": "worker:8083"},
            "tasks": (0..tasks).map(running).collect::<Vec<_>>(),
        },
    });
    report(inner, CONNECTORS, connector, &status).await
}
