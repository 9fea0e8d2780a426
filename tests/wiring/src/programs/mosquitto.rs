//! Mosquitto: its configuration and access list, and the script that makes its password file from Secrets.

use std::collections::BTreeSet;

use super::Reading;
use super::mqtt::User;
use crate::pods::Mounted;
use crate::value::Look;
use crate::world::Origin;

const CONFIG: &str = "/mosquitto/config/mosquitto.conf";
/// Defaults of the script: the directory with the mounted Secrets, and the two files that the script writes.
const CREDENTIALS: &str = "/credentials/";
const PASSWORDS: &str = "/mosquitto/auth/passwd";
const ACCESS: &str = "/mosquitto/auth/acl";

pub fn run(reading: &mut Reading) {
    reading.variables(&[]);
    let Some(text) = reading.file(CONFIG) else {
        return reading.finds("/volumeMounts", format!("no file {CONFIG}"));
    };
    let listeners = text.split("listener ").skip(1);
    for listener in listeners.filter(|listener| listener.starts_with("8883\n") != listener.contains("certfile ")) {
        reading.wrong("listener", &format!("a certificate where none is expected, or none where one is: {listener}"));
    }
    for line in text.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        if !directive(reading, name, value) {
            reading.wrong(name, &format!("not a line that Mosquitto can use: {line}"));
        }
    }
    // The image declares /mosquitto/log as a volume, and the container's root file system is read-only.
    if reading.container.mounted(reading.pod, "/mosquitto/log").is_none() {
        reading.finds("/volumeMounts", "no volume where the image wants one");
    }
    let is_persistent = text.lines().any(|line| line == "persistence true");
    let mounted = reading.container.mounted(reading.pod, "/mosquitto/data");
    let is_kept = mounted.is_some_and(|mounted| mounted.volume.has("/persistentVolumeClaim"));
    if is_persistent != is_kept {
        reading.finds("/volumeMounts", "keeps what is on no volume claim, or has one for nothing");
    }
}

/// Whether Mosquitto can use a line of its configuration.
fn directive(reading: &mut Reading, name: &str, value: &str) -> bool {
    match name {
        "per_listener_settings" | "allow_anonymous" => value == "false",
        "persistence" => matches!(value, "true" | "false"),
        "persistence_location" => reading
            .container
            .mounted(reading.pod, value.trim_end_matches('/'))
            .is_some_and(|mounted| mounted.inside.is_empty()),
        "password_file" => value == PASSWORDS && reading.container.mounted(reading.pod, value).is_some(),
        "acl_file" => value == ACCESS && access_list(reading),
        "listener" => match value.parse() {
            Ok(port) => {
                reading.listens(&[port]);
                true
            }
            Err(_) => false,
        },
        "certfile" => certificate(reading, value, "tls.crt"),
        "keyfile" => certificate(reading, value, "tls.key"),
        "protocol" => matches!(value, "mqtt" | "websockets"),
        "log_dest" => value == "stdout",
        "log_type" => matches!(value, "error" | "warning" | "notice" | "information"),
        "autosave_interval" => value.parse::<u32>().is_ok(),
        // 0 means no limit: an unlimited queue grows until memory is exhausted.
        "max_queued_messages" | "max_queued_bytes" | "max_packet_size" => {
            value.parse::<u64>().is_ok_and(|limit| limit > 0)
        }
        _ => false,
    }
}

/// Whether a path is that of a certificate's key, mounted from an existing Secret.
fn certificate(reading: &Reading, path: &str, key: &str) -> bool {
    let object = reading.pod.object;
    let Some(mounted) = reading.container.mounted(reading.pod, path) else { return false };
    let secret = mounted.volume.text("/secret/secretName");
    let keys = reading.world.secrets.find(object.place, &object.namespace, secret);
    mounted.inside == key && keys.is_some_and(|keys| keys.contains_key(key))
}

/// Reads the access list, from the file that the script copies. The script hashes a password for each user in the list.
fn access_list(reading: &mut Reading) -> bool {
    let mut scripts = reading.pod.containers.iter().filter(|container| container.is_init);
    let Some(text) = scripts.find_map(|script| reading.file_of(script, script.literal("ACL_FILE")?)) else {
        return false;
    };
    let hashed = hashed(reading);
    let mut users: Vec<User> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            ["user", name] => match hashed.iter().find(|(user, _)| user == name) {
                Some((_, secret)) => users.push(User::new(name, secret)),
                None => return false,
            },
            ["topic", access, filter] => {
                let Some(user) = users.last_mut() else { return false };
                let filters = match *access {
                    "write" => &mut user.writes,
                    "read" => &mut user.reads,
                    "deny" => &mut user.denied,
                    _ => return false,
                };
                filters.push((*filter).to_owned());
            }
            _ => return false,
        }
    }
    let named: BTreeSet<&str> = users.iter().map(|user| user.name.as_str()).collect();
    let is_complete = hashed.iter().all(|(user, _)| named.contains(user.as_str())) && named.len() == users.len();
    let is_promised = users.iter().all(|user| is_promised(reading, user));
    reading.behaviour.mqtt_users = users;
    is_complete && is_promised
}

/// Whether a user's access is exactly that of the claim. Users that the claim does not name pass, except for the
/// default user.
fn is_promised(reading: &Reading, user: &User) -> bool {
    let Origin::Composed(composed_claim, _) = reading.pod.object.origin else { return true };
    let mut claimed = composed_claim.spec.items("/mqttConfig/users").iter();
    let Some(claimed) = claimed.find(|claimed| claimed.text("/name") == user.name) else {
        // `health-user` exists only if the claim names no user.
        return user.name != "health-user" || (user.writes == ["health/#"] && user.reads.is_empty());
    };
    claimed.texts("/publish").eq(user.writes.iter().map(String::as_str))
        && claimed.texts("/read").eq(user.reads.iter().map(String::as_str))
}

/// Users whose passwords are hashed before the server starts, each with its Secret.
fn hashed(reading: &Reading) -> Vec<(String, String)> {
    let object = reading.pod.object;
    let containers = reading.pod.containers.iter().filter(|container| container.is_init);
    let mounts = containers.flat_map(|container| container.value.items("/volumeMounts"));
    mounts
        .filter(|mount| mount.text("/mountPath").starts_with(CREDENTIALS))
        .filter_map(|mount| {
            let secret = reading.pod.volume(mount.text("/name"))?.text("/secret/secretName");
            let keys = reading.world.secrets.find(object.place, &object.namespace, secret)?;
            let user = keys.get("username").and_then(Clone::clone)?;
            keys.contains_key("password").then(|| (user, secret.to_owned()))
        })
        .collect()
}

/// Script that hashes passwords: every Secret is mounted in a directory of its own, and the password file is on a
/// volume in memory that the server mounts at the same path.
pub fn hash(reading: &mut Reading) {
    let mut secrets = 0;
    for mount in reading.container.value.items("/volumeMounts") {
        let directory = mount.text("/mountPath").strip_prefix(CREDENTIALS);
        let volume = reading.pod.volume(mount.text("/name")).is_some_and(|volume| volume.has("/secret"));
        if volume != directory.is_some_and(|directory| !directory.is_empty() && !directory.contains('/')) {
            reading.finds("/volumeMounts", "a Secret where the script does not look for one");
        }
        secrets += usize::from(volume);
    }
    if secrets == 0 || secrets != hashed(reading).len() {
        reading.finds("/volumeMounts", "Secrets without a user name and a password");
    }
    // The script's mosquitto_passwd works on a copy of the password file in /tmp.
    reading.writes(&["/tmp"]);
    let in_memory = |mounted: &Mounted| mounted.volume.text("/emptyDir/medium") == "Memory";
    if !reading.container.mounted(reading.pod, "/tmp").is_some_and(|copy| in_memory(&copy)) {
        reading.finds("/volumeMounts", "a copy of the password file stands on a disk");
    }
    let written = reading.container.mounted(reading.pod, PASSWORDS);
    let mut servers = reading.pod.containers.iter().filter(|container| !container.is_init);
    let read = servers.find_map(|container| container.mounted(reading.pod, PASSWORDS));
    let is_same = match (written, read) {
        (Some(written), Some(read)) => {
            written.volume == read.volume && in_memory(&written) && !written.mount.is_true("/readOnly")
        }
        _ => false,
    };
    if !is_same {
        reading.finds("/volumeMounts", "the password file does not reach the server, or stands on a disk");
    }
}
