//! Limits that the platform team sets for one claim, and the comparison of a claim's demand with them.

use std::cmp::Reverse;
use std::fmt;

use crate::schema::fault::Fault;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::input;

/// Amounts of storage, CPU and memory that a claim or one of its resources requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Demand {
    pub storage: Bytes,
    pub cpu: Cpu,
    pub memory: Bytes,
}

impl Demand {
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            storage: self.storage.plus(more.storage),
            cpu: self.cpu.plus(more.cpu),
            memory: self.memory.plus(more.memory),
        }
    }

    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self {
            storage: self.storage.max(other.storage),
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
        }
    }

    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { storage: self.storage.times(count), cpu: self.cpu.times(count), memory: self.memory.times(count) }
    }
}

/// Field of a claim by which the claim's author can request less CPU, memory or storage, for the message about an
/// exceeded limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lever {
    pub field: &'static str,
    /// CPU, memory and storage that the value of a claim's field requests, in all resources that depend on the field.
    pub brings: Demand,
}

impl Lever {
    pub fn storage(field: &'static str, storage: Bytes) -> Self {
        Self { field, brings: Demand { storage, ..Demand::default() } }
    }

    pub fn cpu(field: &'static str, cpu: Cpu) -> Self {
        Self { field, brings: Demand { cpu, ..Demand::default() } }
    }

    pub fn memory(field: &'static str, memory: Bytes) -> Self {
        Self { field, brings: Demand { memory, ..Demand::default() } }
    }
}

/// Limits of the platform team for one claim, parsed from the settings: the largest demand, and the longest lists of
/// topics and users.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    most: Demand,
    pub topics: u32,
    pub users: u32,
}

impl Limits {
    /// Limits of the platform team for one claim, from settings that have passed the check of their schema.
    pub fn of(limits: &input::Limits) -> Self {
        let bytes = |text: &str| Bytes::read(text).unwrap_or_default();
        let most = Demand {
            storage: bytes(&limits.storage),
            cpu: Cpu::read(&limits.cpu).unwrap_or_default(),
            memory: bytes(&limits.memory),
        };
        Self { most, topics: limits.topics, users: limits.users }
    }

    /// Faults of a claim whose demand for storage, CPU or memory exceeds limits of the platform team: one fault for
    /// each exceeded limit, at the field that requests the most.
    pub fn exceeded(&self, demand: &Demand, levers: &[Lever]) -> Vec<Fault> {
        let storage =
            self.too_much(demand, levers, |of| of.storage, |sum| format!("{} of storage", sum.words()), "storage");
        let cpu = self.too_much(demand, levers, |of| of.cpu, |sum| format!("{} CPU", sum.words()), "cpu");
        let memory =
            self.too_much(demand, levers, |of| of.memory, |sum| format!("{} of memory", sum.words()), "memory");
        [storage, cpu, memory].into_iter().flatten().collect()
    }

    /// Fault of a claim whose demand exceeds the platform team's limit for one amount: CPU, memory or storage.
    fn too_much<T: Copy + Ord + Default + fmt::Display>(
        &self,
        demand: &Demand,
        levers: &[Lever],
        amount: fn(&Demand) -> T,
        words: fn(T) -> String,
        bound: &str,
    ) -> Option<Fault> {
        let (sum, most) = (amount(demand), amount(&self.most));
        if sum <= most {
            return None;
        }
        let mut levers: Vec<&Lever> = levers.iter().filter(|lever| amount(&lever.brings) > T::default()).collect();
        levers.sort_by_key(|lever| Reverse(amount(&lever.brings)));
        let mut fields = levers.into_iter().map(|lever| lever.field);
        let field = fields.next().unwrap_or("spec");
        let others: Vec<&str> = fields.collect();
        let instead = if others.is_empty() { String::new() } else { format!(", or any of {}", others.join(", ")) };
        let sum = words(sum);
        Some(Fault::new(
            field,
            format!(
                "must be less: the claim asks for {sum} in all, and the platform allows {most} (limits.{bound}); lower it{instead}"
            ),
        ))
    }
}

/// Fault of a list in a claim that has more entries than the platform team allows; `None` for a list within the limit.
pub fn too_many(field: &str, count: usize, most: u32, bound: &str) -> Option<Fault> {
    let is_more = u32::try_from(count).is_ok_and(|count| count <= most);
    (!is_more).then(|| {
        Fault::new(
            field,
            format!("must have at most {most} entries, which the platform allows (limits.{bound}), not {count}"),
        )
    })
}
