//! Part of a claim's plan, such as `kafka`: the name, pod selector, labels and metadata that the manifests of the part
//! share.
//!
//! Labels of pods are built from the part's selector, so that the selector always matches them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::parts::owner::Owner;

/// Name of the part with the lock: the composed resource by which only one claim can own an environment, or a namespace
/// inside one. The other parts wait for the lock.
pub const LOCK: &str = "lock";

/// Name of the label for the system to which an object belongs, such as `iot-broker`. Network policies select pods by
/// it.
pub const PART_OF: &str = "app.kubernetes.io/part-of";

/// Part of a claim's plan: a group of composed resources that become ready together, such as `kafka`.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub owner: &'a Owner,
    /// Name of the part, in messages to users and at the start of the keys of the part's composed resources.
    pub name: &'static str,
    /// Value of the label `app` on the part's pods, by which Services and network policies select the pods.
    pub app: &'a str,
    /// Namespace of the part's manifests; empty for kinds without a namespace.
    pub namespace: &'a str,
    /// Preconditions of the part: other parts of the plan, or entries of the environment's offer, that must be ready
    /// before the resources of this part are released.
    pub waits_for: &'static [&'static str],
}

impl Part<'_> {
    /// Labels by which Services and network policies select the pods of this part.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("app".to_owned(), self.app.to_owned())])
    }

    pub fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector()), ..LabelSelector::default() }
    }

    /// Labels of the part's pods. None of them names the claim, so that the pods do not restart when another claim
    /// takes over their namespace.
    pub fn pod_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert("app.kubernetes.io/name".to_owned(), self.app.to_owned());
        labels.insert(PART_OF.to_owned(), self.owner.system.to_owned());
        labels
    }

    /// Labels of the part's manifests: those of the part's pods, and those that name the claim.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.pod_labels();
        labels.extend(self.owner.labels());
        labels
    }

    pub fn metadata(&self, name: impl Into<String>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            namespace: (!self.namespace.is_empty()).then(|| self.namespace.to_owned()),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }
}
