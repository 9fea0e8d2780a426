//! Plan of an `IotBrokerClaim`: an MQTT broker, its bridge to Kafka and a simulator of devices inside an environment.
//!
//! `PARTS` lists the parts of the plan in reading order; each part has a file of its own.

use crate::claims::between::host_secrets::{self, HostSecret};
use crate::claims::between::neighbour::Neighbour;
use crate::claims::between::offer::{Consumer, ISTIO, KNATIVE_SERVING, OBSERVABILITY};
use crate::claims::between::operators;
use crate::claims::between::part_of::Line::{self, Part, Policies, Routes};
use crate::claims::between::part_of::{self, PartOf, TenantClaim};
use crate::claims::between::people;
use crate::claims::between::tenant::{self, Tenant};
use crate::claims::checked::Checked;
use crate::life::immutable::Immutable;
use crate::life::ownership::LockTarget;
use crate::parts::owner::Claim;
use crate::parts::plan::{Phase, Plan};
use crate::schema::Column;
use crate::schema::fault::Fault;
use crate::settings::Settings;
use crate::settings::limits::Lever;

pub mod accounts;
mod alerts;
mod bridge;
pub mod broker;
pub mod changes;
mod check;
mod checked;
pub mod claim;
mod engines;
pub mod filter;
mod names;
mod network_policy;
mod phase;
mod rabbitmq;
mod rights;
mod simulator;
pub mod status;

#[cfg(test)]
mod tests;

pub use checked::IotBroker;

impl TenantClaim for IotBroker {
    const PARTS: &'static [Line<Self>] = &[
        Part(&LOCKED),
        Part(&accounts::PART),
        Part(&broker::PART),
        Part(&broker::ACCOUNTS_PART),
        Part(&broker::WEBSOCKETS_PART),
        Part(&bridge::PART),
        Part(&simulator::PART),
        Routes(phase::EXPOSURE),
        Part(&network_policy::PART),
        Policies,
        Part(&VIEWERS),
        Part(&accounts::READERS),
    ];

    fn tenant(&self) -> &Tenant {
        &self.tenant
    }
}

const LOCKED: PartOf<IotBroker> = PartOf::new(phase::ENVIRONMENT, |broker| vec![broker.tenant.lock()]);

/// Rights of the people who may see the broker. They wait for the lock alone, so that these people see it start.
const VIEWERS: PartOf<IotBroker> = PartOf::new(phase::ENVIRONMENT, |broker| people::viewers(&broker.tenant));

impl Checked for IotBroker {
    type Spec = claim::Spec;
    type Status = status::Status;

    const PHASES: &'static [Phase] = phase::ALL;
    const COLUMNS: &'static [Column] = status::COLUMNS;

    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let hosts: Vec<_> = part_of::hosts::<Self>().collect();
        let tenant =
            Tenant::check(&mut faults, spec.tenancy(), &hosts, claim, ("iot-broker", tenant::BROKER), settings.clone());
        host_secrets::check(&mut faults, &tenant.owner.environment, &accounts::on_the_host(&spec), settings);
        engines::check(&mut faults, &spec);
        check::users(&mut faults, &spec, settings.limits.users);
        check::mappings(&mut faults, &spec.connector_config.mappings);
        let simulator_image = check::simulator(&mut faults, &spec.connector_config.simulator);
        let sizes = check::sizes(&mut faults, &spec);
        if faults.is_empty() { Ok(Self { tenant, spec, sizes, simulator_image }) } else { Err(faults) }
    }

    fn plan(&self) -> Plan {
        part_of::plan(self)
    }

    fn levers(&self) -> Vec<Lever> {
        check::levers(self)
    }

    fn status(&self, tls: bool) -> Self::Status {
        status::of(self, tls)
    }

    fn host_secrets(&self) -> Vec<HostSecret> {
        accounts::on_the_host(&self.spec)
    }

    fn lock_target(&self) -> LockTarget {
        self.tenant.lock_target("an IotBroker")
    }

    fn consumer(&self) -> Option<Consumer> {
        Some(self.tenant.consumer(&[
            (ISTIO, "spec.expose: false"),
            (operators::MQTT.name, "spec.mqttConfig.engine: Development in a new claim"),
            (OBSERVABILITY, "spec.monitoring: false"),
            (KNATIVE_SERVING, "spec.connectorConfig.simulator.enabled: false"),
        ]))
    }

    fn neighbour(&self) -> Option<Neighbour> {
        let connector = &self.spec.connector_config;
        (!connector.mappings.is_empty()).then(|| Neighbour {
            lock: self.tenant.lock_beside(tenant::REALTIME),
            engine: connector.kafka_engine,
            part: bridge::NAME,
        })
    }

    fn immutable(&self) -> Vec<Immutable> {
        self.tenant.immutable().into_iter().chain(broker::immutable(self)).collect()
    }

    fn endpoint(status: &Self::Status) -> Option<String> {
        status.endpoints.as_ref().map(|endpoints| endpoints.mqtt.clone())
    }

    fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }
}
