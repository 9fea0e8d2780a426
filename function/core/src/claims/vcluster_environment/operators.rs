//! Parts of an environment's plan: the operators that run distributed engines for systems and brokers, each installed
//! by its Helm chart, or only looked for where the settings say that somebody else installs it.

use serde_json::{Value, json};

use super::changes;
use super::checked::Environment;
use super::claim::Components;
use super::{parts, phase};
use crate::claims::between::operators::{self, Operator};
use crate::claims::between::part_of::PartOf;
use crate::life::immutable::Immutable;
use crate::parts::cluster::Installation;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::requests;
use crate::schema::size::Cpu;
use crate::settings::Settings;
use crate::settings::image::ImageReference;
use crate::settings::input::{
    Fixed, KAFKA_OPERATOR, MQTT_OPERATOR, Operators, POSTGRES_BACKUP, POSTGRES_OPERATOR, Provision,
};
use crate::settings::pins::{BARMAN_CLOUD_IMAGES, CLOUD_NATIVE_PG_IMAGE, Chart};

/// CEL query whether a CustomResourceDefinition serves a version.
macro_rules! serves {
    ($version:literal) => {
        concat!(
            "object.spec.versions.exists(v, v.name == \"",
            $version,
            "\" && v.served) && has(object.status) && has(object.status.conditions) \
             && object.status.conditions.exists(c, c.type == \"Established\" && c.status == \"True\")"
        )
    };
}

/// Operator as an environment brings it.
struct Brought {
    operator: &'static Operator,
    is_wanted: fn(Components) -> bool,
    /// Setting that says who installs the operator, and the rule for its change.
    chosen: fn(Operators) -> Provision,
    provision: &'static Fixed,
    /// Field of the component in an environment's claim, for messages.
    field: &'static str,
    chart: Chart,
    /// Name of the Helm release.
    release: &'static str,
    values: fn(&Settings) -> Value,
    /// Parts that the Release waits for.
    after: &'static [&'static str],
    /// Keys of the Release and of the observed kind.
    keys: [&'static str; 2],
    /// CustomResourceDefinition of the kind that claims need, and a CEL query whether it serves the version that they
    /// write.
    kind: (&'static str, &'static str),
}

const KAFKA: Brought = Brought {
    operator: &operators::KAFKA,
    is_wanted: |components| components.kafka_operator,
    chosen: |operators| operators.kafka,
    provision: &KAFKA_OPERATOR,
    field: "spec.components.kafkaOperator",
    chart: Chart::StrimziKafkaOperator,
    release: "strimzi-cluster-operator",
    values: strimzi,
    after: &[parts::NAMESPACES],
    keys: ["kafka-operator-release", "kafka-operator-kind"],
    kind: ("kafkas.kafka.strimzi.io", serves!("v1")),
};

const POSTGRES: Brought = Brought {
    operator: &operators::POSTGRES,
    is_wanted: |components| components.postgres_operator,
    chosen: |operators| operators.postgres,
    provision: &POSTGRES_OPERATOR,
    field: "spec.components.postgresOperator",
    chart: Chart::CloudNativePg,
    // The chart gives this name to the operator's Deployment.
    release: "cloudnative-pg",
    values: cloudnative_pg,
    after: &[parts::NAMESPACES],
    keys: ["postgres-operator-release", "postgres-operator-kind"],
    kind: ("clusters.postgresql.cnpg.io", serves!("v1")),
};

const BACKUP: Brought = Brought {
    operator: &operators::BACKUP,
    is_wanted: |components| components.postgres_backup,
    chosen: |operators| operators.postgres_backup,
    provision: &POSTGRES_BACKUP,
    field: "spec.components.postgresBackup",
    chart: Chart::BarmanCloud,
    release: "barman-cloud",
    values: barman_cloud,
    // The operator finds the plugin by its Service, and its chart asks cert-manager for certificates.
    after: &[operators::POSTGRES.name, parts::CERT_MANAGER],
    keys: ["postgres-backup-release", "postgres-backup-kind"],
    kind: ("objectstores.barmancloud.cnpg.io", serves!("v1")),
};

const MQTT: Brought = Brought {
    operator: &operators::MQTT,
    is_wanted: |components| components.mqtt_operator,
    chosen: |operators| operators.mqtt,
    provision: &MQTT_OPERATOR,
    field: "spec.components.mqttOperator",
    chart: Chart::RabbitMqClusterOperator,
    release: "rabbitmq-cluster-operator",
    values: rabbitmq,
    after: &[parts::NAMESPACES],
    keys: ["mqtt-operator-release", "mqtt-operator-kind"],
    kind: ("rabbitmqclusters.rabbitmq.com", serves!("v1beta1")),
};

const ALL: [&Brought; 4] = [&KAFKA, &POSTGRES, &BACKUP, &MQTT];

pub const KAFKA_PART: PartOf<Environment> =
    PartOf::new(phase::OPERATORS, |environment| KAFKA.resources(environment)).only_if(|it| KAFKA.is_wanted(it));
pub const POSTGRES_PART: PartOf<Environment> =
    PartOf::new(phase::OPERATORS, |environment| POSTGRES.resources(environment)).only_if(|it| POSTGRES.is_wanted(it));
pub const BACKUP_PART: PartOf<Environment> =
    PartOf::new(phase::OPERATORS, |environment| BACKUP.resources(environment)).only_if(|it| BACKUP.is_wanted(it));
pub const MQTT_PART: PartOf<Environment> =
    PartOf::new(phase::OPERATORS, |environment| MQTT.resources(environment)).only_if(|it| MQTT.is_wanted(it));

/// Operators that an environment's claim asks for, in reading order.
pub fn wanted(environment: &Environment) -> impl Iterator<Item = &'static Operator> {
    ALL.into_iter().filter(|brought| brought.is_wanted(environment)).map(|brought| brought.operator)
}

/// Rules against switching an operator off, and against another one in its place, in an existing environment: an
/// existing Release, or an existing Object for the kind, shows which one the environment has. Without its operator, no
/// engine of the environment would be repaired any more, and with its chart its kinds can go, and with these all engines.
pub fn immutable(environment: &Environment) -> Vec<Immutable> {
    ALL.into_iter().flat_map(|brought| brought.immutable(environment)).collect()
}

impl Brought {
    fn is_wanted(&self, environment: &Environment) -> bool {
        (self.is_wanted)(environment.spec.components)
    }

    fn provision(&self, settings: &Settings) -> Provision {
        (self.chosen)(settings.operators)
    }

    fn resources(&self, environment: &Environment) -> Vec<Resource> {
        let Operator { name, namespace, .. } = self.operator;
        let settings = &environment.owner.settings;
        let provision = self.provision(settings);
        let waits_for = if provision == Provision::Install { self.after } else { &[parts::NAMESPACES] };
        let part = environment.part(name, self.release, namespace, waits_for);
        vec![match provision {
            Provision::Install => part.release_inside(
                "release",
                Installation {
                    chart: self.chart,
                    name: self.release,
                    namespace,
                    namespace_exists: true,
                    values: (self.values)(settings),
                },
            ),
            Provision::Present => {
                let (name, serves) = self.kind;
                let kind = json!({
                    "apiVersion": "apiextensions.k8s.io/v1",
                    "kind": "CustomResourceDefinition",
                    "metadata": {"name": name},
                });
                part.seen_inside("kind", &kind, Ready::Asked(serves))
            }
        }]
    }

    fn immutable(&self, environment: &Environment) -> Vec<Immutable> {
        let [release, kind] = self.keys;
        if !self.is_wanted(environment) {
            return [release, kind].map(|key| Immutable::absent(key, self.field, changes::COMPONENT)).into();
        }
        let settings = &environment.owner.settings;
        let (field, rule) = settings.rule(self.provision);
        let other = match self.provision(settings) {
            Provision::Install => kind,
            Provision::Present => release,
        };
        vec![Immutable::absent(other, field, rule)]
    }
}

fn strimzi(settings: &Settings) -> Value {
    json!({
        "watchAnyNamespace": true,
        // The operator's own policies let every pod reach the metrics of each broker. Policies add up, so none of ours
        // could take that back: claims bring all policies of their pods themselves.
        "generateNetworkPolicy": false,
        "defaultImageRegistry": settings.registry.as_deref().unwrap_or("quay.io"),
        "extraEnvs": [{"name": "STRIMZI_POD_SECURITY_PROVIDER_CLASS", "value": "restricted"}],
        "resources": requests(Cpu::thousandths(200), "384Mi", "384Mi"),
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}

fn cloudnative_pg(settings: &Settings) -> Value {
    json!({
        "image": {"repository": settings.mirrored(CLOUD_NATIVE_PG_IMAGE)},
        "resources": requests(Cpu::thousandths(100), "128Mi", "512Mi"),
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}

fn barman_cloud(settings: &Settings) -> Value {
    let image = |image: &str| {
        let image = ImageReference::read(&settings.mirrored(image));
        let (registry, repository) = image.name_in_two();
        json!({"registry": registry, "repository": repository})
    };
    let [plugin, sidecar] = BARMAN_CLOUD_IMAGES;
    json!({
        "image": image(plugin),
        "sidecarImage": image(sidecar),
        "resources": requests(Cpu::thousandths(10), "64Mi", "256Mi"),
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}

fn rabbitmq(settings: &Settings) -> Value {
    json!({
        "global": {"imageRegistry": settings.registry.as_deref().unwrap_or_default()},
        // Accounts and rights are kept by a Job of the claim, which needs no second operator.
        "msgTopologyOperator": {"enabled": false},
        "clusterOperator": {
            "resources": requests(Cpu::thousandths(100), "128Mi", "512Mi"),
            "nodeSelector": settings.node_selector().unwrap_or_default(),
            "tolerations": settings.tolerations().unwrap_or_default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::checked::Environment;
    use crate::claims::checked::Checked;
    use crate::life::adoption::HOST_NAMES;
    use crate::life::immutable::broken;
    use crate::parts::owner::Claim;
    use crate::parts::plan::tests::assert_sound;
    use crate::settings::Settings;

    const ENGINES: [&str; 3] = ["kafka", "postgres", "mqtt"];

    fn environment(components: &Value, operators: &Value) -> Environment {
        let spec = json!({"name": "streaming", "components": components});
        let settings = Settings::read(json!({"operators": operators})).unwrap();
        Environment::check(serde_json::from_value(spec).unwrap(), Claim::new("default", "env"), &settings).unwrap()
    }

    fn all() -> Value {
        json!({"kafkaOperator": true, "postgresOperator": true, "mqttOperator": true})
    }

    fn keys(environment: &Environment) -> BTreeSet<String> {
        environment.plan().resources.into_iter().map(|resource| resource.key).collect()
    }

    #[test]
    fn each_operator_is_installed_or_looked_for_in_a_namespace_of_its_own() {
        let without = keys(&environment(&json!({}), &json!({})));
        for engine in ENGINES {
            for (provision, key) in [("Install", "release"), ("Present", "kind")] {
                let environment = environment(&json!({format!("{engine}Operator"): true}), &json!({engine: provision}));
                let plan = environment.plan();
                assert_sound(&plan, &[HOST_NAMES]);
                let new: BTreeSet<_> = keys(&environment).difference(&without).cloned().collect();
                assert_eq!(new.len(), 2, "{new:?}");
                let key = format!("{engine}-operator-{key}");
                let operator = plan.resources.iter().find(|resource| resource.key == key).unwrap();
                assert_eq!(operator.is_only_observed(), provision == "Present", "{key}");
                let lock = plan.resources.iter().find(|resource| resource.key == "lock-kubernetes").unwrap();
                let offer = format!("platform.example.org/offers-{engine}-operator");
                assert_eq!(lock.composed["metadata"]["annotations"][offer], "pending");
            }
        }
    }

    /// What runs could go with its operator, and two operators would both take an engine as theirs.
    #[test]
    fn no_operator_goes_and_none_takes_its_place() {
        let found = |environment: &Environment, observed: &str| -> Vec<String> {
            let look = |key: &str, _: &[&str]| (key == observed).then(|| json!("seen"));
            broken(&environment.immutable(), &look).iter().map(|fault| fault.field.clone()).collect()
        };
        for engine in ENGINES {
            let [release, kind] = ["release", "kind"].map(|end| format!("{engine}-operator-{end}"));
            let none = environment(&json!({}), &json!({}));
            let installed = environment(&all(), &json!({}));
            let present = environment(&all(), &json!({engine: "Present"}));
            assert_eq!(found(&none, &release), [format!("spec.components.{engine}Operator")]);
            assert_eq!(found(&none, &kind), [format!("spec.components.{engine}Operator")]);
            assert_eq!(found(&present, &release), [format!("input.operators.{engine}")]);
            assert_eq!(found(&installed, &kind), [format!("input.operators.{engine}")]);
            assert_eq!(found(&installed, &release), [""; 0]);
            assert_eq!(found(&present, &kind), [""; 0]);
        }
    }

    /// The plugin's chart asks cert-manager for certificates; who brings the plugin otherwise brings these as well.
    #[test]
    fn backups_bring_cert_manager_unless_somebody_else_brings_them() {
        let components = json!({"postgresOperator": true, "postgresBackup": true});
        let without = keys(&environment(&json!({"postgresOperator": true}), &json!({})));
        let installed = environment(&components, &json!({}));
        let new: Vec<_> = keys(&installed).difference(&without).cloned().collect();
        assert_eq!(new, ["cert-manager-release", "namespaces-cert-manager", "postgres-backup-release"]);
        let plan = installed.plan();
        let plugin = plan.resources.iter().find(|resource| resource.key == "postgres-backup-release").unwrap();
        assert_eq!(plugin.waits_for, ["postgres-operator", "cert-manager"]);
        let present = environment(&components, &json!({"postgresBackup": "Present"}));
        assert_sound(&present.plan(), &[HOST_NAMES]);
        let new: Vec<_> = keys(&present).difference(&without).cloned().collect();
        assert_eq!(new, ["postgres-backup-kind"]);
        let found = |environment: &Environment, observed: &str| -> Vec<String> {
            let look = |key: &str, _: &[&str]| (key == observed).then(|| json!("seen"));
            broken(&environment.immutable(), &look).iter().map(|fault| fault.field.clone()).collect()
        };
        assert_eq!(found(&present, "postgres-backup-release"), ["input.operators.postgresBackup"]);
        let none = environment(&json!({"postgresOperator": true}), &json!({}));
        assert_eq!(found(&none, "postgres-backup-release"), ["spec.components.postgresBackup"]);
    }
}
