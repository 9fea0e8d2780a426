//! Flags of the gRPC server, their environment variables, and the allowed form of each value.
//!
//! This module opens no file and no socket.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, anyhow, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Flags of the gRPC server: first those that Crossplane expects of every function, then those of this function alone.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Serving (the default, without a command)")]
pub struct Args {
    /// Serve gRPC without TLS and without client certificates; overrides --tls-certs-dir
    #[arg(long)]
    pub insecure: bool,

    /// Serve gRPC with mutual TLS from tls.crt, tls.key and ca.crt in this directory; Crossplane sets the environment
    /// variable TLS_SERVER_CERTS_DIR. A client must present a certificate that an authority in ca.crt signed. Changed
    /// files are used from the next connection on
    #[arg(long, value_name = "DIR", env = "TLS_SERVER_CERTS_DIR")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub tls_certs_dir: Option<PathBuf>,

    /// Log at debug level, in lines for people instead of JSON; the environment variable `RUST_LOG` overrides the level
    #[arg(short, long)]
    pub debug: bool,

    /// Address at which the gRPC server listens; without a host, every address, IPv6 and IPv4. Port 0 takes a free port
    /// and logs it
    #[arg(long, value_name = "[HOST]:PORT", default_value = ":9443")]
    pub address: Address,

    /// Largest request that the server accepts: bytes, or a number with KiB or MiB. Two of that size are held at once,
    /// and further ones wait. (In functions made with the Go SDK's template the same flag counts MB; write the unit to
    /// be safe)
    #[arg(long, value_name = "SIZE", env = "MAX_RECV_MESSAGE_SIZE", default_value = "5MiB")]
    pub max_recv_message_size: Size,

    /// Address at which the server serves its Prometheus metrics over HTTP, at /metrics; empty: no metrics
    #[arg(long, value_name = "[HOST]:PORT", env = "METRICS_ADDRESS", default_value = ":8080")]
    pub metrics_address: Optional<Address>,

    /// Age of a connection, in seconds, at which the server asks the client to reconnect, so that new replicas get
    /// calls
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connection_age: u32,

    /// Seconds that calls in progress have to finish, when their connection is too old or the server stops; keep the
    /// number below the pod's terminationGracePeriodSeconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub grace: u32,
}

/// Transport of the connections to the gRPC server: plain, or mutual TLS with the certificates of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    Plain,
    MutualTls(&'a Path),
}

impl Args {
    /// Transport that the flags of the gRPC server choose. The transport is without TLS only if the flag `--insecure`
    /// is set, so that a missing setting never switches TLS off.
    pub fn transport(&self) -> anyhow::Result<Transport<'_>> {
        if self.insecure {
            return Ok(Transport::Plain);
        }
        match &self.tls_certs_dir {
            Some(dir) if !dir.as_os_str().is_empty() => Ok(Transport::MutualTls(dir)),
            _ => Err(anyhow!(
                "cannot serve: there are no certificates; name their directory (--tls-certs-dir or \
                 TLS_SERVER_CERTS_DIR), or pass --insecure to serve without TLS"
            )),
        }
    }
}

/// Address at which the gRPC server or its metrics listen: a port, on one host or on all addresses of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: Option<String>,
    pub port: u16,
}

impl FromStr for Address {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (host, port) =
            text.rsplit_once(':').context("write an address as host:port, as [IPv6 address]:port or as :port")?;
        let port = port.parse().map_err(|_| anyhow!("the port {port:?} is not a number up to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bare.is_none() && host.contains(':') {
            bail!("write an IPv6 address in brackets, as [{host}]:{port}");
        }
        let host = bare.unwrap_or(host);
        Ok(Self { host: (!host.is_empty()).then(|| host.to_owned()), port })
    }
}

/// Value of a flag that an empty string switches off, such as `--metrics-address`. An `Option` has another meaning to
/// clap: the flag itself may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T: FromStr> FromStr for Optional<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|value| Self(Some(value)))
    }
}

/// Size in bytes, as the value of the flag `--max-recv-message-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub usize);

impl Size {
    /// Smallest value of the flag `--max-recv-message-size`. Every real request is larger, so a smaller number was
    /// probably meant in megabytes.
    const SMALLEST: Self = Self(1024);
    /// Largest value of the flag `--max-recv-message-size`: gRPC counts the bytes of a message in 32 bits.
    const LARGEST: Self = Self(u32::MAX as usize);
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (number, unit) = match text {
            t if t.ends_with("KiB") => (t.trim_end_matches("KiB"), 1024),
            t if t.ends_with("MiB") => (t.trim_end_matches("MiB"), 1024 * 1024),
            t => (t, 1),
        };
        let size = number
            .trim_end()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .map(Self)
            .context("write a whole number of bytes, or one with KiB or MiB behind it, such as 16MiB")?;
        if size < Self::SMALLEST {
            bail!("every request is larger than {size}; for megabytes, write {number}MiB");
        }
        if size > Self::LARGEST {
            bail!("write at most 4095MiB, which is what gRPC can carry");
        }
        Ok(size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<(Option<String>, u16), String> {
        let parsed: Result<Address, _> = text.parse();
        parsed.map(|address| (address.host, address.port)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_a_port_with_or_without_a_host() {
        assert_eq!(address(":9443"), Ok((None, 9443)));
        assert_eq!(address("127.0.0.1:0"), Ok((Some("127.0.0.1".into()), 0)));
        assert_eq!(address("[::1]:9443"), Ok((Some("::1".into()), 9443)));
        assert_eq!(address("localhost:1"), Ok((Some("localhost".into()), 1)));
    }

    #[test]
    fn a_wrong_address_says_how_to_write_it() {
        assert!(address("9443").unwrap_err().contains(":port"));
        assert!(address("::1:9443").unwrap_err().contains("[::1]:9443"));
        assert!(address(":http").unwrap_err().contains("\"http\""));
        assert!(address(":65536").unwrap_err().contains("65535"));
    }

    #[test]
    fn an_empty_address_is_none() {
        assert_eq!("".parse::<Optional<Address>>().unwrap().0, None);
        assert!("8080".parse::<Optional<Address>>().is_err());
    }

    #[test]
    fn a_size_is_bytes_unless_it_says_otherwise() {
        let size = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(size("4194304"), Some(4 << 20));
        assert_eq!(size("64KiB"), Some(64 << 10));
        assert_eq!(size("16 MiB"), Some(16 << 20));
        for wrong in ["", "-1", "16MB", "1.5MiB", "MiB", "99999999999999999999", "5000MiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_meant_in_megabytes_is_refused() {
        let error = "4".parse::<Size>().unwrap_err().to_string();
        assert!(error.contains("write 4MiB"), "{error}");
    }
}
