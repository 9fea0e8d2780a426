//! From an address to a listening socket.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Context;
use tokio::net::TcpListener;

use super::args::Address;

impl Address {
    /// Without a host, IPv6's "any" address also takes IPv4 connections; where the kernel has no IPv6, IPv4's does.
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

/// The port itself is the trouble, not the family of addresses.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}
