//! A part of a claim's plan: the name, selector, labels and metadata that its manifests share.
//!
//! Labels are built from the selector, so that a selector always matches the pods it is meant for.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::parts::owner::Owner;

/// Name of the part that holds the lock. The other parts wait for it: the claim whose lock is ready owns the place.
pub const LOCK: &str = "lock";

/// Label with the system that an object is part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";

/// Group of composed resources that become ready together, such as `kafka`.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub owner: &'a Owner,
    /// Name of the part in messages. The keys of the part's composed resources begin with it.
    pub name: &'static str,
    /// Value of the label `app` on the part's pods.
    pub app: &'a str,
    /// Namespace of the part's manifests; empty for kinds without a namespace.
    pub namespace: &'a str,
    /// Parts that must be ready before the resources of this part are released.
    pub waits_for: &'static [&'static str],
}

impl Part<'_> {
    /// Labels by which Services and network policies select the part's pods.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("app".to_owned(), self.app.to_owned())])
    }

    pub fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector()), ..LabelSelector::default() }
    }

    /// Labels of the part's pods. They do not name the claim, so that no pod restarts when another claim takes the
    /// place.
    pub fn pod_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert("app.kubernetes.io/name".to_owned(), self.app.to_owned());
        labels.insert(PART_OF.to_owned(), self.owner.system.to_owned());
        labels
    }

    /// Labels of the part's manifests: those of its pods, and those that name the claim.
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
