//! Servers outside the virtual cluster that claims name, and which of them the platform team allows: those from which
//! Kafka's pod fetches archives with Kafka connectors, and those at which PostgreSQL keeps backups.
//!
//! Code in a connector archive runs in Kafka's pod, and reaches everything that this pod reaches.

use std::net::IpAddr;

use crate::schema::fault::Fault;
use crate::settings::input::Server;

/// Port of a server whose address names none.
const HTTPS: u16 = 443;

/// Checked HTTPS address from which Kafka's pod fetches an archive with a Kafka connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveUrl {
    text: String,
    /// Name of the server in the address of a connector archive, in lower case, for the comparison with the servers
    /// that the settings list.
    host: String,
    port: u16,
}

impl ArchiveUrl {
    /// Address of a connector archive from a text of the form [`ARCHIVE_URL`](crate::schema::form::ARCHIVE_URL). `None`
    /// where the scheme, the server's name or the port has another form; the path is not checked.
    pub fn read(text: &str) -> Option<Self> {
        let (host, port, _) = parts(text)?;
        Some(Self { text: text.to_owned(), host, port })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Checked HTTPS address of a bucket in an object store that speaks S3, with a path inside the bucket: the place of
/// PostgreSQL's backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUrl {
    host: String,
    port: u16,
    path: String,
}

impl BucketUrl {
    /// Place of backups from a text of the form [`BUCKET_URL`](crate::schema::form::BUCKET_URL). `None` where the
    /// scheme, the server's name or the port has another form; bucket and path are not checked.
    pub fn read(text: &str) -> Option<Self> {
        let (host, port, path) = parts(text)?;
        Some(Self { host, port, path: path.to_owned() })
    }

    /// Address of the server, without the bucket.
    pub fn endpoint(&self) -> String {
        format!("https://{}", shown(&self.host, self.port))
    }

    /// Bucket and path, as programs write a place in an object store.
    pub fn place(&self) -> String {
        format!("s3://{}", self.path)
    }
}

/// Server's name in lower case, port and path of an HTTPS address. `None` where the server's name is none, so that a
/// program could read it as an IP address, or where the port is none.
fn parts(text: &str) -> Option<(String, u16, &str)> {
    let (server, path) = text.strip_prefix("https://")?.split_once('/')?;
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (server, HTTPS),
    };
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_name = host.chars().all(named) && host.rsplit('.').next()?.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name.then(|| (host.to_ascii_lowercase(), port, path))
}

/// Egress that a network policy must allow for a server: a port, in some networks or in all networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    pub port: u16,
    /// Networks of the server, in CIDR notation, to which pods get egress. Empty: all networks.
    pub networks: Vec<String>,
}

/// Checked list of the servers that the settings allow. Empty: any server, at port 443.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Name of the setting with the list, for messages.
    setting: &'static str,
    listed: Vec<Server>,
}

impl Servers {
    pub fn check(faults: &mut Vec<Fault>, root: &str, setting: &'static str, listed: Vec<Server>) -> Self {
        let field = format!("{root}.{setting}");
        for (index, server) in listed.iter().enumerate() {
            let at = format!("{field}[{index}]");
            if server.port != HTTPS && server.cidrs.is_empty() {
                faults.push(Fault::new(
                    format!("{at}.cidrs"),
                    format!(
                        "must name the networks of {}: a port other than {HTTPS} is opened to these alone",
                        server.host
                    ),
                ));
            }
            let twin =
                listed.iter().take(index).position(|known| (&known.host, known.port) == (&server.host, server.port));
            if let Some(twin) = twin {
                faults.push(Fault::new(
                    format!("{at}.host"),
                    format!("duplicate of {field}[{twin}].host with the same port: leave one of them out"),
                ));
            }
            for (index, cidr) in server.cidrs.iter().enumerate().filter(|(_, cidr)| !is_network(cidr)) {
                faults.push(Fault::new(
                    format!("{at}.cidrs[{index}]"),
                    format!(
                        "must be a network such as 192.0.2.0/24 or 2001:db8::/32, with no host bits set, not {cidr:?}"
                    ),
                ));
            }
        }
        Self { setting, listed }
    }

    /// No list: any server, at port 443.
    pub const fn any(setting: &'static str) -> Self {
        Self { setting, listed: Vec::new() }
    }

    pub fn listed(&self) -> &[Server] {
        &self.listed
    }

    /// Egress of Kafka's pod to the server of a connector archive, or the reason why the settings refuse the server.
    pub fn way(&self, url: &ArchiveUrl) -> Result<Way, String> {
        self.way_to(&url.host, url.port)
    }

    /// Egress of PostgreSQL's pods to the server of backups, or the reason why the settings refuse the server.
    pub fn way_to_bucket(&self, url: &BucketUrl) -> Result<Way, String> {
        self.way_to(&url.host, url.port)
    }

    fn way_to(&self, host: &str, port: u16) -> Result<Way, String> {
        let setting = self.setting;
        if self.listed.is_empty() {
            return if port == HTTPS {
                Ok(Way { port: HTTPS, networks: Vec::new() })
            } else {
                Err(format!(
                    "must be at port {HTTPS}, not {port}: the platform opens another port only for servers that it lists ({setting})"
                ))
            };
        }
        let known = self.listed.iter().find(|server| server.host == host && server.port == port);
        known.map(|server| Way { port, networks: server.cidrs.clone() }).ok_or_else(|| {
            let known: Vec<String> = self.listed.iter().map(|server| shown(&server.host, server.port)).collect();
            format!(
                "must be at a server that the platform lists ({setting}), {}, not {}",
                known.join(", "),
                shown(host, port)
            )
        })
    }
}

fn shown(host: &str, port: u16) -> String {
    if port == HTTPS { host.to_owned() } else { format!("{host}:{port}") }
}

/// Whether a text is a network in CIDR notation that an API server accepts in a NetworkPolicy: no address bits are set
/// behind the prefix.
fn is_network(cidr: &str) -> bool {
    let Some((address, prefix)) = cidr.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse(), prefix.parse::<u32>()) else { return false };
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let Some(behind) = u32::checked_sub(width, length) else { return false };
    prefix == length.to_string() && (bits == 0 || bits.trailing_zeros() >= behind)
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;
    use serde_json::{Value, json};

    use super::{ArchiveUrl, Servers, Way, is_network};
    use crate::schema::form::ARCHIVE_URL;

    fn servers(listed: Value) -> Result<Servers, Vec<String>> {
        let mut faults = Vec::new();
        let servers = Servers::check(&mut faults, "input", "archiveServers", serde_json::from_value(listed).unwrap());
        if faults.is_empty() { Ok(servers) } else { Err(faults.iter().map(ToString::to_string).collect()) }
    }

    fn way(servers: &Servers, url: &str) -> Result<(u16, Vec<String>), String> {
        servers.way(&ArchiveUrl::read(url).unwrap()).map(|Way { port, networks }| (port, networks))
    }

    #[test]
    fn an_address_names_a_server_and_a_port() {
        let form = Regex::new(ARCHIVE_URL.pattern).unwrap();
        for (text, host, port) in [
            ("https://example.com/a.zip", "example.com", 443),
            ("https://Example.com:443/a.zip", "example.com", 443),
            ("https://mirror:8443/a/b@c;d.jar", "mirror", 8443),
            ("https://1.2.3.x4:65535/a?b=c.jar", "1.2.3.x4", 65_535),
            ("https://xn--e1afmkfd.xn--p1ai/.jar", "xn--e1afmkfd.xn--p1ai", 443),
        ] {
            assert!(form.is_match(text), "{text}");
            let url = ArchiveUrl::read(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.as_str()), (host, port, text));
        }
    }

    #[test]
    fn what_is_no_name_of_a_server_is_no_address() {
        let form = Regex::new(ARCHIVE_URL.pattern).unwrap();
        for text in [
            "http://example.com/a.zip",
            "https://example.zip",
            "https:///a.zip",
            "https://user@example.com/a.zip",
            "https://user:password@example.com/a.zip",
            "https://example.com:443@evil.example/a.zip",
            "https://1.2.3.4/a.zip",
            "https://127.1/a.zip",
            "https://2130706433/a.zip",
            "https://0x7f.0x1/a.zip",
            "https://0x7f000001/a.zip",
            "https://example.1/a.zip",
            "https://[::1]/a.zip",
            "https://example.com:0/a.zip",
            "https://example.com:70000/a.zip",
            "https://example.com:65536/a.zip",
            "https://example.com:/a.zip",
            "https://example.com:+80/a.zip",
            "https://example.com:080/a.zip",
            "https://example.com\\@evil.example/a.zip",
            "https://example.com?a/b.zip",
            "https://example.com#/b.zip",
            "https://example.com/a b.zip",
            "https://example.com/a\u{0}.zip",
            "https://example.com/a\u{7f}.zip",
            "https://example.com/a\u{1b}[31m.zip",
            "https://example.com/a\n.zip",
            "https://example.com/[1-9].zip",
            "https://example.com/{a,b}.zip",
            "https://example.com/a.zip#b.zip",
            "https://ex\u{e4}mple.com/a.zip",
            "https://-example.com/a.zip",
            "https://example..com/a.zip",
            "https://example.com./a.zip",
        ] {
            assert!(!form.is_match(text), "{text:?}");
        }
        // `ArchiveUrl::read` refuses wrong servers by itself, where nothing has checked the pattern before.
        for text in
            ["https://user@example.com/a.zip", "https://1.2.3.4/a.zip", "https://e.com:70000/a.zip", "https://[::1]/a"]
        {
            assert_eq!(ArchiveUrl::read(text), None, "{text}");
        }
    }

    #[test]
    fn while_no_server_is_listed_any_is_good_at_the_usual_port() {
        let servers = Servers::any("archiveServers");
        assert_eq!(way(&servers, "https://example.com/a.zip"), Ok((443, vec![])));
        let refused = way(&servers, "https://example.com:8443/a.zip").unwrap_err();
        assert!(refused.starts_with("must be at port 443, not 8443"), "{refused}");
    }

    #[test]
    fn once_servers_are_listed_only_those_are_good() {
        let servers = servers(json!([
            {"host": "repo.example.com"},
            {"host": "mirror.example.com", "port": 8443, "cidrs": ["192.0.2.0/24", "2001:db8::/32"]},
        ]))
        .unwrap();
        assert_eq!(way(&servers, "https://REPO.example.com/a.zip"), Ok((443, vec![])));
        let networks = ["192.0.2.0/24", "2001:db8::/32"].map(str::to_owned).to_vec();
        assert_eq!(way(&servers, "https://mirror.example.com:8443/a.zip"), Ok((8443, networks)));
        for text in ["https://mirror.example.com", "https://repo.example.com:8443", "https://a.repo.example.com"] {
            let refused = way(&servers, &format!("{text}/a.zip")).unwrap_err();
            assert!(refused.contains("repo.example.com, mirror.example.com:8443, not "), "{refused}");
        }
    }

    #[test]
    fn a_port_of_its_own_needs_networks_that_are_some() {
        let faults = servers(json!([
            {"host": "a.example", "port": 8443},
            {"host": "b.example", "cidrs": ["192.0.2.1/24", "10.0.0.0/8"]},
            {"host": "b.example"},
        ]));
        let faults = faults.unwrap_err();
        let expected = [
            "input.archiveServers[0].cidrs: must name the networks of a.example",
            "input.archiveServers[1].cidrs[0]: must be a network",
            "input.archiveServers[2].host: duplicate of input.archiveServers[1].host",
        ];
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
    }

    #[test]
    fn a_network_is_what_an_api_server_takes() {
        for cidr in ["192.0.2.0/24", "0.0.0.0/0", "10.1.2.3/32", "::/0", "2001:db8::/32", "::1/128"] {
            assert!(is_network(cidr), "{cidr}");
        }
        for cidr in [
            "",
            "192.0.2.0",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.0/+24",
            "192.0.2.0/024",
            "2001:db8::1/32",
            "::/129",
            "a/8",
            "192.0.2.0/24 ",
        ] {
            assert!(!is_network(cidr), "{cidr}");
        }
    }
}
