//! nginx: ports, upstreams and pages in its configuration directory.

use super::{Reading, Takes};

pub fn run(reading: &mut Reading) {
    reading.variables(&[]);
    reading.writes(&["/tmp"]);
    let Some(text) = reading.file("/etc/nginx/conf.d/default.conf") else {
        return reading.finds("/volumeMounts", "no default.conf where nginx looks for it");
    };
    let directive = |name: &str| {
        let lines = text.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix(name)?.trim().strip_suffix(';'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for port in directive("listen ") {
        match port.parse() {
            Ok(port) => reading.listens(&[port]),
            Err(_) => reading.wrong("listen", "not a port"),
        }
    }
    for address in directive("proxy_pass ") {
        reading.take("proxy_pass", &address, Takes::Address);
    }
    let pages = text.lines().filter_map(|line| line.trim().strip_prefix("location = ")?.strip_suffix(" {"));
    reading.behaviour.pages.extend(pages.map(str::to_owned));
}
