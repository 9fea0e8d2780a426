//! Listening socket of the gRPC server or of its metrics, at the address that a flag sets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use tokio::net::TcpListener;

use super::args::Address;

impl Address {
    /// Socket that listens at this address. Without a host, the socket listens at the unspecified address of IPv6,
    /// which accepts IPv4 connections too; on a kernel without IPv6, at the unspecified address of IPv4.
    pub async fn listen(&self) -> anyhow::Result<TcpListener> {
        let listener = match &self.host {
            Some(host) => TcpListener::bind((host.as_str(), self.port)).await,
            None => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
                Err(error) if !is_refusal(&error) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await,
                bound => bound,
            },
        };
        listener.with_context(|| {
            let host = self.host.as_deref().unwrap_or_default();
            format!("cannot listen on {host}:{}", self.port)
        })
    }
}

/// Whether a listening socket could not be opened because of its port: the port is in use, or the process may not open
/// it. Another attempt with IPv4 in place of IPv6 does not help then.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}
