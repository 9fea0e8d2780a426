//! One part of one system: its name, its labels, its selector, its metadata, once.
//!
//! A selector is where labels start, so that no selector can miss what it is for.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::parts::owner::Owner;

/// The part that every other one waits for: whoever holds it owns the place.
pub const LOCK: &str = "lock";

/// The label that says which system something is a part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";

/// One part of what a claim makes.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    pub owner: &'a Owner,
    /// What a person calls it. Keys of composed resources start with it.
    pub name: &'static str,
    /// The value of its pods' label `app`.
    pub app: &'a str,
    /// The namespace of its manifests; empty for what has none.
    pub namespace: &'a str,
    /// The parts that must be ready first.
    pub waits_for: &'static [&'static str],
}

impl Part<'_> {
    /// What selects the part's pods.
    pub fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("app".to_owned(), self.app.to_owned())])
    }

    pub fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector()), ..LabelSelector::default() }
    }

    /// The labels of the part's pods. They do not name the claim: another claim for the same place restarts nothing.
    pub fn pod_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.insert("app.kubernetes.io/name".to_owned(), self.app.to_owned());
        labels.insert(PART_OF.to_owned(), self.owner.system.to_owned());
        labels
    }

    /// The labels of the part's manifests.
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
