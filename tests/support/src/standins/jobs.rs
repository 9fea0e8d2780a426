//! Stand-in for the scripts of Jobs that write a Secret: KWOK runs no container, so that nothing else would write it.
//! The Secret is written after the Job is complete, never before.

use serde_json::{Value, json};

use super::cluster::{Cluster, Kind, SECRETS, Trouble, holds, name, namespace};
use super::journal::Journal;
use super::store::{Values, secret, values};
use super::{StandIn, random};

const JOBS: Kind = Kind::new("apis/batch/v1", "jobs");

pub struct Jobs;

impl StandIn for Jobs {
    async fn look(&mut self, inner: &Cluster, journal: &Journal) -> Result<(), Trouble> {
        for job in inner.list(JOBS).await? {
            if let (true, Some((name, key))) = (holds(&job, "Complete"), written(&job)) {
                write(inner, journal, &job, name, key).await?;
            }
        }
        Ok(())
    }
}

/// Name and key of the Secret that a Job writes, read from the environment variables of its script.
fn written(job: &Value) -> Option<(&str, &str)> {
    let containers = job["spec"]["template"]["spec"]["containers"].as_array()?;
    let said = |variable: &str| {
        let variables = containers.iter().filter_map(|container| container["env"].as_array()).flatten();
        variables.clone().find(|entry| entry["name"] == variable)?["value"].as_str()
    };
    Some((said("SECRET_NAME")?, said("SECRET_KEY")?))
}

async fn write(inner: &Cluster, journal: &Journal, job: &Value, target: &str, key: &str) -> Result<(), Trouble> {
    let here = namespace(job);
    let found = inner.get(SECRETS, Some(here), target).await?;
    if found.as_ref().map(values).transpose()?.is_some_and(|values| values.contains_key(key)) {
        return Ok(());
    }
    journal.say(&format!("writes key {key} of Secret {here}/{target}, as Job {} would", name(job)));
    let made = Values::from([(key.to_owned(), format!("stand-in-{}", random(24)?).into_bytes())]);
    inner.apply(SECRETS, &secret(here, target, &json!({}), &Value::Null, &made)).await
}
