//! Tests of the packages that are pushed to a registry, and of the objects that an installer applies beside them.

mod borders;
mod compositions;
mod guide;
mod images;
mod log;
mod managed;
mod manager;
mod metrics;
mod pins;
mod removal;
mod rights;
mod trust;
