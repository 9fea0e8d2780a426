//! Rules by which a change of an `IotBrokerClaim` is rejected. Each rule is attached to the claim's schema, at a field
//! or at the whole spec.

use serde_json::Value;

use crate::claims::between::changes::{ENVIRONMENT, NAMESPACE, REFERENCE, SHRINKS, read_out, rises};
use crate::schema::change::{Rule, size};

/// List of all rules by which a change of an `IotBrokerClaim` is rejected.
pub const RULES: &[Rule] =
    &[NAMESPACE, ENVIRONMENT, KAFKA_ENGINE, ENGINE, REPLICAS, VOLUME, USER_PASSWORDS, BRIDGE_PASSWORD];

pub const KAFKA_ENGINE: Rule = Rule::same(
    "cannot be changed after creation: it is the engine of the real-time system in the same namespace, which cannot change either; create another claim beside another system",
);

pub const ENGINE: Rule = Rule::same(
    "cannot be changed after creation: no subscription and no queue moves from one engine to another by itself; create another claim with the other engine in another namespace, and move the clients",
);

/// Rule for changes of the number of RabbitMQ's pods, which must not fall. A claim without the number has as many as
/// [`REPLICAS_BY_DEFAULT`] says.
pub const REPLICAS: Rule = Rule::new(
    "(has(self.replicas) ? self.replicas : 3) >= (has(oldSelf.replicas) ? oldSelf.replicas : 3)",
    |old, new| {
        let count = |config: &Value| config.get("replicas").and_then(Value::as_u64).unwrap_or(REPLICAS_BY_DEFAULT);
        count(new) >= count(old)
    },
    "cannot be lowered after creation: RabbitMQ's operator takes no pod of a cluster away, because its queues have members there; create another claim with fewer in another namespace, and move the clients",
)
.at(".replicas");

/// Number of RabbitMQ's pods if a claim names none.
pub const REPLICAS_BY_DEFAULT: u64 = 3;

/// Rule for changes of the size of Mosquitto's volume: it must not shrink. The rule applies only if persistence is on
/// before and after the change, because Mosquitto has no volume without persistence.
pub const VOLUME: Rule = Rule::new(
    "!self.mqttConfig.persistence || !oldSelf.mqttConfig.persistence \
    || quantity(self.mqttConfig.storage).compareTo(quantity(oldSelf.mqttConfig.storage)) >= 0",
    |old, new| {
        let of = |spec: &Value, field| spec.pointer(&format!("/mqttConfig/{field}")).cloned().unwrap_or_default();
        let is_on_disk = [old, new].iter().all(|spec| of(spec, "persistence") == Value::Bool(true));
        !is_on_disk || size(&of(new, "storage")) >= size(&of(old, "storage"))
    },
    SHRINKS,
)
.at(".mqttConfig.storage");

/// Rule for changes of the Secret with the MQTT bridge's password: after a password was generated, a claim can name a
/// Secret only if `credentialsGeneration` rises in the same change. Without mappings no bridge is composed, so no
/// password was generated for it.
pub const BRIDGE_PASSWORD: Rule = Rule::new(
    "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.connectorConfig.credentialsSecretRef) || has(oldSelf.connectorConfig.credentialsSecretRef) \
    || size(self.connectorConfig.mappings) == 0 || size(oldSelf.connectorConfig.mappings) == 0",
    |old, new| {
        let is_bridged = |spec: &Value| list(spec, "/connectorConfig/mappings").next().is_some();
        !(is_bridged(old) && is_bridged(new)) || read_out(old, new, "/connectorConfig")
    },
    "cannot be named alone after a password was generated, because your Secret overwrites the only copy of that password: read it out with `kubectl get secret mqtt-credentials -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change, and the real-time system's after it",
)
.at(".connectorConfig.credentialsSecretRef");

/// Rule for changes of the Secrets with the passwords of the MQTT broker's users: after a password was generated, a
/// claim can name a Secret only if `credentialsGeneration` rises in the same change.
pub const USER_PASSWORDS: Rule = Rule::new(
    "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || self.mqttConfig.users.all(now, !has(now.credentialsSecretRef) \
    || !oldSelf.mqttConfig.users.exists(old, old.name == now.name && !has(old.credentialsSecretRef)))",
    |old, new| {
        let made_up = |user: &Value| {
            let is_same = |was: &&Value| was.get("name") == user.get("name");
            list(old, "/mqttConfig/users").find(is_same).is_some_and(|was| was.get(REFERENCE).is_none())
        };
        rises(old, new) || list(new, "/mqttConfig/users").all(|user| user.get(REFERENCE).is_none() || !made_up(user))
    },
    "cannot be given a credentialsSecretRef alone after a password was generated, because your Secret overwrites the only copy of that password: read it out with `kubectl get secret mqtt-user-NAME -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change",
)
.at(".mqttConfig.users");

fn list<'a>(spec: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    spec.pointer(place).and_then(Value::as_array).into_iter().flatten()
}
