//! Lenses HQ: one configuration file, which its first argument names, with `$(…)` for variables.

use serde_json::Value;

use super::{Login, Reading, Takes};
use crate::value::Look;
use crate::world::Origin;

pub fn run(reading: &mut Reading) {
    let Some(path) = reading.container.value.at("/args/0").as_str() else {
        return reading.finds("/args", "no configuration file");
    };
    let Some(text) = reading.file(path) else {
        return reading.finds("/args/0", format!("no file {path}"));
    };
    let Ok(config) = serde_yaml::from_str::<Value>(text) else {
        return reading.finds("/args/0", format!("{path} is not YAML"));
    };
    reading.variables_and(&[], &|name| text.contains(&format!("$({name})")));
    for field in ["/http/address", "/agents/address", "/metrics/prometheusAddress"] {
        match config.text(field).strip_prefix(':').and_then(|port| port.parse().ok()) {
            Some(port) => reading.listens(&[port]),
            None => reading.wrong(field, "not a port to listen to"),
        }
    }
    reading.take("/database/host", config.text("/database/host"), Takes::Address);
    reading.take("/logger/mode", config.text("/logger/mode"), Takes::OneOf(&["text", "json"]));
    reading.take("/logger/level", config.text("/logger/level"), Takes::OneOf(&["debug", "info", "warn", "error"]));
    let claimed = match reading.pod.object.origin {
        Origin::Composed(composed_claim, _) => composed_claim.spec.is_true("/lensesConfig/secureSessionCookies"),
        Origin::Made | Origin::External => false,
    };
    // Browsers do not return a secure cookie over plain HTTP, so the claim decides whether cookies are secure.
    if config.at("/http/secureSessionCookies") != &Value::Bool(claimed) {
        reading.wrong("/http/secureSessionCookies", "not what the claim says");
    }
    if !config.is_true("/license/acceptEULA") {
        reading.wrong("/license", "a licence that is not accepted");
    }
    reading.behaviour.pages.extend(["/".to_owned(), "/metrics".to_owned()]);
    users(reading, &config);
    let credential = |reading: &mut Reading, field: &str| {
        let text = config.text(field);
        let name = text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
        let credential = name.and_then(|name| reading.credential(name));
        if credential.is_none() {
            reading.wrong(field, "not a variable that comes from a Secret");
        }
        credential
    };
    credential(reading, "/license/key");
    if let Some(password) = credential(reading, "/database/password") {
        reading.behaviour.logins.push(Login {
            host: config.text("/database/host").split(':').next().unwrap_or_default().to_owned(),
            database: config.text("/database/database").to_owned(),
            role: config.text("/database/username").to_owned(),
            password,
            field: format!("{path} /database"),
        });
    }
    // Clients log in with the user name in the Secret, so HQ's configuration must have the same user name.
    if let Some((secret, _)) = credential(reading, "/auth/users/0/password") {
        let object = reading.pod.object;
        let keys = reading.world.secrets.find(object.place, &object.namespace, &secret);
        let name = keys.and_then(|keys| keys.get("username")).and_then(Option::as_deref);
        if name != Some(config.text("/auth/users/0/username")) {
            reading.wrong("/auth/users/0/username", "not the user in the Secret with the password");
        }
    }
}

fn users(reading: &mut Reading, config: &Value) {
    let users: Vec<&str> = config.items("/auth/users").iter().map(|user| user.text("/username")).collect();
    if users.is_empty() {
        reading.wrong("/auth/users", "nobody can log in");
    }
    for administrator in config.texts("/auth/administrators") {
        if !users.contains(&administrator) {
            reading.wrong("/auth/administrators", "not a user");
        }
    }
}
