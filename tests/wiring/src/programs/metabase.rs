//! Metabase: all configuration is in variables.

use super::reading::{may, must};
use super::{Login, Reading, Takes, Variable};

const VARIABLES: &[Variable] = &[
    must("MB_DB_TYPE", Takes::OneOf(&["postgres"])),
    must("MB_DB_HOST", Takes::Host("MB_DB_PORT")),
    must("MB_DB_PORT", Takes::Number),
    must("MB_DB_DBNAME", Takes::Own),
    must("MB_DB_USER", Takes::Own),
    must("MB_DB_PASS", Takes::Credential),
    must("MB_ENCRYPTION_SECRET_KEY", Takes::Credential),
    may("MB_SESSION_SECRET_KEY", Takes::Credential),
    may("MB_SITE_URL", Takes::Shown),
    may("MB_ANON_TRACKING_ENABLED", Takes::OneOf(&["false"])),
    may("MB_CHECK_FOR_UPDATES", Takes::OneOf(&["false"])),
    may("JAVA_OPTS", Takes::Java),
];

pub fn run(reading: &mut Reading) {
    reading.variables(VARIABLES);
    reading.listens(&[3000]);
    reading.writes(&["/tmp", "/plugins"]);
    reading.behaviour.pages.push("/api/health".to_owned());
    if let Some(password) = reading.credential("MB_DB_PASS") {
        reading.behaviour.logins.push(Login {
            host: reading.literal("MB_DB_HOST").to_owned(),
            database: reading.literal("MB_DB_DBNAME").to_owned(),
            role: reading.literal("MB_DB_USER").to_owned(),
            password,
            field: format!("{}/env", reading.container.field),
        });
    }
}
