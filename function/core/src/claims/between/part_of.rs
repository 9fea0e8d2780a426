//! Declaration of a part of a claim, in the part's own file: the part's phase, its resources, and how it is reached. A
//! claim lists its parts once. The claim's plan and phases follow from that list, and for a system or broker also the
//! routes, hosts, addresses and network policies.

use crate::claims::between::network::{Traffic, policy};
use crate::claims::between::route::Route;
use crate::claims::between::tenant::Tenant;
use crate::parts::part::LOCK;
use crate::parts::plan::{Outage, Phase, Plan, Resource};

/// Declaration of a part of a claim of type `C`: its phase, its resources, its expected outage while its pods are
/// replaced, its network policy and its route.
pub struct PartOf<C: 'static> {
    phase: Phase,
    resources: fn(&C) -> Vec<Resource>,
    is_wanted: fn(&C) -> bool,
    outage: Option<Outage>,
    /// Whether the part has several pods, of which the others serve while one is replaced, so that the outage lasts no
    /// time.
    is_replicated: Option<fn(&C) -> bool>,
    policy: Option<Policy<C>>,
    route: Option<Route>,
}

/// Declaration of the network policy around the pods of a part. The policy waits only for the lock, by which the claim
/// owns its namespace, so it exists before the pods do.
pub struct Policy<C: 'static> {
    /// Name of the part of the plan that consists of the network policy alone.
    pub part: &'static str,
    /// Name of the NetworkPolicy around the pods of a part.
    pub name: &'static str,
    /// Value of the label `app` on the pods that the network policy selects.
    pub app: &'static str,
    /// Connections that the network policy admits to the pods of the part, and from them.
    pub admits: fn(&C) -> Traffic,
}

impl<C> PartOf<C> {
    /// Declaration of a part that every claim of its kind has, with the phase whose condition reports on the part.
    pub const fn new(phase: Phase, resources: fn(&C) -> Vec<Resource>) -> Self {
        Self { phase, resources, is_wanted: |_| true, outage: None, is_replicated: None, policy: None, route: None }
    }

    /// Restricts the part to claims that ask for it: other claims have neither the part nor its network policy or
    /// route.
    #[must_use]
    pub const fn only_if(self, is_wanted: fn(&C) -> bool) -> Self {
        Self { is_wanted, ..self }
    }

    #[must_use]
    pub const fn away_for(self, outage: Outage) -> Self {
        Self { outage: Some(outage), ..self }
    }

    /// Shortens the expected outage to nothing for claims for which the part has several pods.
    #[must_use]
    pub const fn unless_replicated(self, is_replicated: fn(&C) -> bool) -> Self {
        Self { is_replicated: Some(is_replicated), ..self }
    }

    #[must_use]
    pub const fn fenced_by(self, policy: Policy<C>) -> Self {
        Self { policy: Some(policy), ..self }
    }

    #[must_use]
    pub const fn reached_by(self, route: Route) -> Self {
        Self { route: Some(route), ..self }
    }

    /// Plan with this part alone: its resources, its phase, and its expected outage while its pods are replaced. The
    /// plan is empty if the claim does not ask for the part.
    pub fn composed(&self, claim: &C) -> Plan {
        if !(self.is_wanted)(claim) {
            return Plan::default();
        }
        let plan = Plan::of([(self.phase, (self.resources)(claim))]);
        let is_replicated = self.is_replicated.is_some_and(|is_replicated| is_replicated(claim));
        let outage = self.outage.map(|outage| if is_replicated { Outage { from: 0, to: 0, ..outage } } else { outage });
        Plan { outages: outage.into_iter().collect(), ..plan }
    }
}

/// Entry in the list from which the plan of a system or broker follows: one part, the routes of all parts, or the
/// network policies of all parts.
pub enum Line<C: 'static> {
    Part(&'static PartOf<C>),
    /// Routes of all parts, in the order of the claim's list of parts, with the phase whose condition reports on the
    /// routes.
    Routes(Phase),
    /// Network policies of all parts, in the order of the claim's list of parts. Each policy is in the phase of the
    /// part whose pods it selects.
    Policies,
}

/// Claim of a system or broker, whose plan follows from the list of its parts.
pub trait TenantClaim: Sized + 'static {
    /// Parts of the claim, in the order in which users read of them.
    const PARTS: &'static [Line<Self>];

    fn tenant(&self) -> &Tenant;
}

fn declared<C: TenantClaim>() -> impl Iterator<Item = &'static PartOf<C>> {
    C::PARTS.iter().filter_map(|line| if let Line::Part(part) = line { Some(*part) } else { None })
}

fn wanted<C: TenantClaim>(claim: &C) -> impl Iterator<Item = &'static PartOf<C>> {
    declared().filter(|part| (part.is_wanted)(claim))
}

pub fn plan<C: TenantClaim>(claim: &C) -> Plan {
    let tenant = claim.tenant();
    let policy = |part: &PartOf<C>| Some((part.phase, vec![part.policy.as_ref()?.resource(claim)]));
    let of_line = |line: &Line<C>| match line {
        Line::Part(part) => part.composed(claim),
        Line::Routes(phase) if tenant.expose => {
            Plan::of([(*phase, routes(claim).map(|route| route.resource(tenant)).collect())])
        }
        Line::Routes(_) => Plan::default(),
        Line::Policies => Plan::of(wanted(claim).filter_map(policy)),
    };
    C::PARTS.iter().map(of_line).collect()
}

impl<C: TenantClaim> Policy<C> {
    fn resource(&self, claim: &C) -> Resource {
        policy(&claim.tenant().part(self.part, self.app, &[LOCK]), self.name, (self.admits)(claim))
    }
}

/// Routes of the parts that a claim asks for. They are composed if the claim exposes its routes.
pub fn routes<C: TenantClaim>(claim: &C) -> impl Iterator<Item = &'static Route> {
    wanted(claim).filter_map(|part| part.route.as_ref())
}

/// First labels of the host names of all routes that claims of one kind can have, without the domain.
pub fn hosts<C: TenantClaim>() -> impl Iterator<Item = &'static str> {
    all_routes::<C>().map(|route| route.host)
}

/// Routes that claims of one kind can have, if all their parts are asked for.
pub fn all_routes<C: TenantClaim>() -> impl Iterator<Item = &'static Route> {
    declared::<C>().filter_map(|part| part.route.as_ref())
}
