//! Rules by which a change of a `RealtimeSystemClaim` is rejected. Each rule is attached to the claim's schema, at a
//! field or at the whole spec.

use serde_json::Value;

use crate::claims::between::changes::{ENVIRONMENT, NAMESPACE, VOLUME, read_out};
use crate::schema::change::Rule;

/// List of all rules by which a change of a `RealtimeSystemClaim` is rejected.
pub const RULES: &[Rule] = &[
    NAMESPACE,
    ENVIRONMENT,
    PARTITIONS,
    VOLUME,
    ENGINE,
    RESTORE,
    REPLICAS,
    ADMINISTRATOR,
    EMAIL,
    LENSES_PASSWORD,
    DASHBOARD_PASSWORD,
];

pub const PARTITIONS: Rule = Rule::not_less(
    "cannot be lowered after creation: Kafka cannot remove partitions; create another topic that has fewer, and move to it",
);

pub const ENGINE: Rule = Rule::same(
    "cannot be changed after creation: no data moves from one engine to another by itself; create another claim with the other engine, and move the data",
);

pub const RESTORE: Rule = Rule::new(
    "has(self.restoreFrom) ? has(oldSelf.restoreFrom) && self.restoreFrom == oldSelf.restoreFrom : !has(oldSelf.restoreFrom)",
    |old, new| old.get("restoreFrom") == new.get("restoreFrom"),
    "cannot be added, changed or removed after creation: only new databases start from backups; create another claim that has it",
)
.at(".restoreFrom");

/// Rule for the number of Kafka's pods, each of which votes on Kafka's metadata: Strimzi 1.2 writes the voters into the
/// configuration of each pod, where they do not change while Kafka runs.
pub const REPLICAS: Rule = Rule::new(
    "(has(self.replicas) ? self.replicas : 3) == (has(oldSelf.replicas) ? oldSelf.replicas : 3)",
    |old, new| {
        let replicas = |config: &Value| config.get("replicas").map_or(Some(3), Value::as_u64);
        replicas(old) == replicas(new)
    },
    "cannot be changed after creation: each of Kafka's pods votes on its metadata, the operator cannot change the voters of a running Kafka, and no partition moves by itself; create another claim with more pods, and move the data",
)
.at(".replicas");

pub const ADMINISTRATOR: Rule = Rule::same(
    "cannot be changed after creation: the password was made for this user; leave it, and add other users in Lenses HQ",
);

pub const EMAIL: Rule = Rule::new(
    "has(self.email) ? has(oldSelf.email) && self.email == oldSelf.email : !has(oldSelf.email)",
    |old, new| old.get("email") == new.get("email"),
    "cannot be changed after creation: it identifies Metabase's first administrator; leave it, and add other users in Metabase",
)
.at(".email");

/// Rule for changes of the Secret with the password of the administrator in Lenses HQ: after a password was generated,
/// a claim can name a Secret only if `credentialsGeneration` rises in the same change.
pub const LENSES_PASSWORD: Rule = Rule::new(
    "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.lensesConfig.administrator.credentialsSecretRef) || has(oldSelf.lensesConfig.administrator.credentialsSecretRef)",
    |old, new| read_out(old, new, "/lensesConfig/administrator"),
    "cannot be named alone after a password was generated, because your Secret overwrites the only copy of that password: read it out with `kubectl get secret lenses-hq-admin -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change",
)
.at(".lensesConfig.administrator.credentialsSecretRef");

/// Rule for changes of the Secret with the password of the administrator in Metabase: after a password was generated, a
/// claim can name a Secret only if `credentialsGeneration` rises in the same change.
pub const DASHBOARD_PASSWORD: Rule = Rule::new(
    "self.credentialsGeneration > oldSelf.credentialsGeneration \
    || !has(self.dashboard.administrator.credentialsSecretRef) || has(oldSelf.dashboard.administrator.credentialsSecretRef)",
    |old, new| read_out(old, new, "/dashboard/administrator"),
    "cannot be named alone after a password was generated, because your Secret overwrites the only copy of that password: read it out with `kubectl get secret metabase-admin -n NAMESPACE -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster, then name your Secret and raise credentialsGeneration in the same change; Metabase keeps the old password until you change it there",
)
.at(".dashboard.administrator.credentialsSecretRef");
