//! Plan of a `VClusterEnvironmentClaim`: a virtual cluster, and the components inside it that its tenants share.
//!
//! `PARTS` lists the parts of the plan in reading order; each part has a file of its own. Systems and brokers read what
//! an environment offers in the annotations of its ProviderConfig.

use crate::claims::between::host_secrets;
use crate::claims::between::offer::Tenancy;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::tenant::{BROKER, REALTIME, lock_of};
use crate::claims::checked::Checked;
use crate::kinds::Form;
use crate::life::immutable::Immutable;
use crate::life::ownership::{LockTarget, OtherLock};
use crate::parts::owner::{Claim, Leaves, Owner};
use crate::parts::plan::{Phase, Plan};
use crate::schema::Column;
use crate::schema::fault::Fault;
use crate::settings::Settings;
use crate::settings::limits::Lever;

mod cert_manager;
pub mod changes;
mod check;
mod checked;
pub mod claim;
mod gateways;
pub mod istio;
pub mod knative;
pub mod monitoring;
mod namespaces;
mod operators;
mod parts;
mod phase;
mod protection;
mod provider_configs;
mod pull_secrets;
pub mod status;
mod vcluster;

#[cfg(test)]
mod tests;

pub use checked::Environment;

/// List of the parts of an environment's plan, in reading order.
const PARTS: [&PartOf<Environment>; 16] = [
    &provider_configs::PART,
    &namespaces::HOST,
    &pull_secrets::PART,
    &vcluster::PART,
    &protection::PART,
    &namespaces::INSIDE,
    &istio::PART,
    &gateways::CERTIFICATE,
    &gateways::PART,
    &knative::PART,
    &operators::KAFKA_PART,
    &operators::POSTGRES_PART,
    &cert_manager::PART,
    &operators::BACKUP_PART,
    &operators::MQTT_PART,
    &monitoring::PART,
];

impl Checked for Environment {
    type Spec = claim::Spec;
    type Status = status::Status;

    const PHASES: &'static [Phase] = phase::ALL;
    const COLUMNS: &'static [Column] = status::COLUMNS;

    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let namespaces = check::namespaces(&mut faults, &spec, settings);
        let tenants = check::tenants(&mut faults, &spec, &namespaces, &claim);
        check::tenant_forms(&mut faults, &spec, &namespaces);
        let domain = check::domain(&mut faults, &spec);
        check::names(&mut faults, &spec, &claim, settings);
        check::components(&mut faults, &spec);
        check::gateway(&mut faults, &spec, &settings.gateways);
        host_secrets::check(&mut faults, &spec.name, &check::host_secrets(&spec), settings);
        if !faults.is_empty() {
            return Err(faults);
        }
        let owner = Owner {
            system: "vcluster-environment",
            claim,
            environment: spec.name.clone(),
            // When an environment's claim is deleted, the virtual cluster disappears with everything in it, so no
            // resource inside the virtual cluster is deleted one by one.
            leaves: Leaves::Everything,
            settings: settings.clone(),
        };
        Ok(Self { owner, spec, namespaces, tenants, domain })
    }

    fn plan(&self) -> Plan {
        PARTS.iter().map(|part| part.composed(self)).collect()
    }

    fn levers(&self) -> Vec<Lever> {
        check::levers()
    }

    fn status(&self, _: bool) -> Self::Status {
        status::of(self)
    }

    fn immutable(&self) -> Vec<Immutable> {
        let places = [provider_configs::immutable(self), vcluster::immutable(self)].into_iter().flatten();
        let components = [istio::immutable(self), knative::immutable(self), monitoring::immutable(self)];
        places
            .chain(components.into_iter().flatten())
            .chain(operators::immutable(self))
            .chain(namespaces::immutable(self))
            .collect()
    }

    fn endpoint(status: &Self::Status) -> Option<String> {
        status.domain.clone()
    }

    fn lock_target(&self) -> LockTarget {
        let name = self.spec.name.clone();
        let taken = format!("there is an environment {name} already");
        LockTarget { taken, field: "spec.name", name, former_lock: None, other_form: None }
    }

    fn inhabitants(&self) -> Vec<OtherLock> {
        let own = self.owner.claim.form;
        let locks = |tenancy: &Tenancy| {
            let is_chosen = self.spec.tenant_forms.contains_key(&tenancy.namespace);
            let forms = Form::BOTH.into_iter().filter(move |form| is_chosen || *form == own);
            let roles = |form| [REALTIME, BROKER].map(|role| lock_of(form, &self.spec.name, tenancy, role));
            forms.flat_map(roles).collect::<Vec<_>>()
        };
        if own == Form::Claim { Vec::new() } else { self.tenants.iter().flat_map(locks).collect() }
    }

    fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    fn notice(&self) -> Option<&'static str> {
        self.spec.retain.then_some(check::RETAINS_STATE_ALONE)
    }
}
