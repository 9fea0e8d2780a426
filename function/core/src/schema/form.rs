//! Patterns for texts in claims and settings, as regular expressions, with a description of each for messages.

/// Port number from 1 to 65535. Shared parts of patterns are macros, because `concat!` takes literals only.
macro_rules! port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}
/// Part of a path in a secret store. It is not empty and does not consist of dots alone.
macro_rules! segment {
    () => {
        "[.]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*"
    };
}

/// RFC 1035 label: a valid name of a namespace, a Service or a virtual cluster. The length is limited beside the
/// pattern.
pub const DNS_LABEL: &str = r"^[a-z]([-a-z0-9]*[a-z0-9])?$";
/// DNS name of one label or more.
pub const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// DNS name whose last label begins with a letter, so that no program reads it as an IP address.
pub const DOMAIN: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z]([-a-z0-9]*[a-z0-9])?$";
/// Amount of memory or storage as a Kubernetes quantity with the unit Ki, Mi, Gi or Ti.
pub const BYTES: &str = r"^([1-9][0-9]{0,7}(Ki|Mi)|[1-9][0-9]{0,6}Gi|[1-9][0-9]{0,3}Ti)$";
/// Amount of CPU as a Kubernetes quantity: cores, or thousandths of a core.
pub const CPU: &str = r"^([1-9][0-9]{0,3}|[1-9][0-9]{0,6}m|0\.[0-9]{0,2}[1-9])$";
/// SHA-256 checksum in lower-case hexadecimal digits.
pub const SHA256: &str = r"^[a-f0-9]{64}$";
/// Key of an entry in a Secret.
pub const SECRET_KEY: &str = r"^[-._a-zA-Z0-9]+$";
/// Name of a namespace on the host: an RFC 1123 label, which may begin with a digit.
pub const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Key of a label or an annotation: a name, optionally with a DNS name and a slash before it.
pub const QUALIFIED_NAME: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$";
/// Name of a namespace, or `*` for all namespaces.
pub const NAMESPACE_OR_ALL: &str = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$";
/// Name, or the beginning of names with `*` behind it.
pub const NAME_OR_BEGINNING: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(-?\*)?$";
/// Image registry: a host with an optional port and an optional path, without a scheme.
pub const REGISTRY: &str = concat!(r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:", port!(), r")?(/[-._a-z0-9]+)*$");
/// Address of a chart repository.
pub const CHART_REPOSITORY: &str = r"^(https|http|oci)://[-a-zA-Z0-9._~:/?&=%+,\[\]]+$";
/// Semantic version, optionally with a `v` before it.
pub const VERSION: &str = r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$";
/// Image reference with a tag, a digest or both.
pub const IMAGE: &str = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}(@sha256:[a-f0-9]{64})?|@sha256:[a-f0-9]{64})$";
/// HTTPS address of a `.jar` or `.zip` archive, on a server with a DNS name instead of an IP address.
pub const ARCHIVE_URL: &str = concat!(
    r"^https://([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\.)*[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?(:",
    port!(),
    r")?/[-._~!$&'()*+,;=:@%/?a-zA-Z0-9]*\.(jar|zip)$"
);
/// Name of an entry in a secret store: a path whose parts no store resolves to another entry.
pub const REMOTE_KEY: &str = concat!("^/?", segment!(), "(/", segment!(), ")*$");
/// [`REMOTE_KEY`] as a rule in CEL for the object with the field. The rule does not apply where `secretRef` is set.
pub const REMOTE_KEY_RULE: &str =
    concat!("has(self.secretRef) || self.remoteKey.matches('^/?", segment!(), "(/", segment!(), ")*$')");
/// Pattern by which the platform team allows one or many names of entries: see [`crate::schema::remote_key`].
pub const REMOTE_KEY_PATTERN: &str =
    concat!(r"^/?((", segment!(), r"|\{claimNamespace\})/)*(", segment!(), r"|\{claimNamespace\}|\*)$");
/// Property of an entry in a secret store: one key, without characters that a store reads as a path or a query.
pub const REMOTE_PROPERTY: &str = "^[-_a-zA-Z0-9]+$";
/// [`REMOTE_PROPERTY`] as a rule in CEL for the object with the field. The rule does not apply where `secretRef` is
/// set.
pub const REMOTE_PROPERTY_RULE: &str = "has(self.secretRef) || self.property.matches('^[-_a-zA-Z0-9]+$')";
/// Name of a user, without characters that a configuration file or a shell interprets.
pub const USER_NAME: &str = r"^[a-z]([-._a-z0-9]*[a-z0-9])?$";
/// E-mail address without quotes, braces, `$` and spaces, which templates and configuration files interpret.
pub const EMAIL: &str = r"^[-!#%&*+/=?^_|~a-zA-Z0-9]+(\.[-!#%&*+/=?^_|~a-zA-Z0-9]+)*@[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)+$";
/// Name of a Kafka topic.
pub const KAFKA_TOPIC: &str = r"^[a-zA-Z0-9._-]+$";
/// Characters that no level of an MQTT topic has, for use inside brackets: the wildcards, the space, control
/// characters, the byte order mark, and Unicode noncharacters. MQTT lets a broker disconnect a client that sends
/// control characters or noncharacters.
macro_rules! no_level {
    () => {
        concat!(
            r"+# \x00-\x1f\x7f-\x9f\x{fdd0}-\x{fdef}\x{feff}\x{fffe}\x{ffff}",
            r"\x{1fffe}\x{1ffff}\x{2fffe}\x{2ffff}\x{3fffe}\x{3ffff}\x{4fffe}\x{4ffff}\x{5fffe}\x{5ffff}\x{6fffe}\x{6ffff}\x{7fffe}\x{7ffff}\x{8fffe}\x{8ffff}\",
            r"x{9fffe}\x{9ffff}\x{afffe}\x{affff}\x{bfffe}\x{bffff}\x{cfffe}\x{cffff}\x{dfffe}\x{dffff}\x{efffe}\x{effff}\x{ffffe}\x{fffff}\x{10fffe}\x{10ffff}"
        )
    };
}
/// MQTT topic without wildcards.
pub const MQTT_TOPIC: &str = concat!("^[^", no_level!(), "]+$");
/// MQTT topic filter: a level is a wildcard as a whole or has none, and `#` is the last level.
pub const MQTT_FILTER: &str = concat!(r"^((\+|[^/", no_level!(), r"]*)/)*(\+|#|[^/", no_level!(), "]+)$");
/// MQTT topic filter without characters that the Kafka connector reads as KCQL or as a regular expression.
pub const BRIDGED_MQTT_FILTER: &str = r"^((\+|[-_.:@=,~a-zA-Z0-9]*)/)*(\+|#|[-_.:@=,~a-zA-Z0-9]+)$";
/// Path of a field in a JSON message, with dots between names.
pub const JSON_FIELD: &str = r"^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*$";
/// Snowflake account identifier, or the host name of the account.
pub const SNOWFLAKE_ACCOUNT: &str = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$";
/// Snowflake identifier that is valid in SQL without quotes.
pub const SNOWFLAKE_IDENTIFIER: &str = r"^[a-zA-Z_][a-zA-Z0-9_$]*$";

/// Description of a pattern for a message, worded to follow "must be".
pub fn words(pattern: &str) -> Option<&'static str> {
    Some(match pattern {
        DNS_LABEL => "lower-case letters, digits and hyphens, with a letter first and no hyphen last",
        DNS_NAME => "a DNS name of lower-case letters, digits, hyphens and dots, such as streaming.example.com",
        DOMAIN => {
            "a DNS name of lower-case letters, digits, hyphens and dots, with a letter first in its last part, such as streaming.example.com"
        }
        BYTES => "a whole number with the unit Ki, Mi, Gi or Ti, such as 512Mi or 10Gi, and at most 9999Ti",
        CPU => "a number of cores, or of thousandths with an m behind it, such as 2 or 500m, and at most 9999",
        SHA256 => "a SHA-256 checksum of 64 lower-case hexadecimal digits",
        SECRET_KEY => "letters, digits, hyphens, underscores and dots",
        NAMESPACE => "the name of a namespace",
        QUALIFIED_NAME => {
            "a name of letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be"
        }
        NAMESPACE_OR_ALL => "the name of a namespace, or * for all",
        NAME_OR_BEGINNING => {
            "a name of lower-case letters, digits and hyphens, or the beginning of one with * behind it"
        }
        REGISTRY => "a registry's host, with a port from 1 to 65535 and a path if need be, without https://",
        CHART_REPOSITORY => {
            "an address that starts with https://, http:// or oci://, without quotes, braces and spaces"
        }
        VERSION => "a version of three numbers such as 1.2.3",
        IMAGE => "an image with a tag or a digest, such as example.com/simulator:1.2.3",
        ARCHIVE_URL => {
            "an address that starts with https:// and a server's name, with a port from 1 to 65535 if need be, and ends in .jar or .zip; without user, IP address and white space"
        }
        REMOTE_KEY => {
            "the parts of a path with / between them, each of letters, digits, hyphens, underscores and dots, and not of dots alone"
        }
        REMOTE_KEY_PATTERN => {
            "the parts of a path with / between them, each {claimNamespace} or of letters, digits, hyphens, underscores and dots; the last one may be *"
        }
        REMOTE_PROPERTY => "one key of letters, digits, hyphens and underscores",
        USER_NAME => {
            "lower-case letters, digits, dots, hyphens and underscores, with a letter first and a letter or digit last"
        }
        EMAIL => "an e-mail address without quotes, braces, $ and spaces, such as admin@example.com",
        KAFKA_TOPIC => "letters, digits, dots, hyphens and underscores",
        MQTT_TOPIC => "an MQTT topic without the wildcards + and #, without spaces and control characters",
        MQTT_FILTER => {
            "an MQTT topic filter without spaces and control characters, where + and # each stand for a whole level and # stands last, such as health/+/data"
        }
        BRIDGED_MQTT_FILTER => {
            "an MQTT topic filter of letters, digits and -_.:@=,~ where + and # each stand for a whole level and # stands last, such as health/+/data"
        }
        JSON_FIELD => "the name of a field, or several joined by dots, such as device.id",
        SNOWFLAKE_ACCOUNT => {
            "a Snowflake account identifier such as myorg-myaccount, or its host without https:// and without a port"
        }
        SNOWFLAKE_IDENTIFIER => {
            "a Snowflake identifier that needs no quotes: letters, digits, underscores and $, with no digit and no $ first"
        }
        _ => return None,
    })
}

/// Whether a text is a valid key of a label or an annotation.
pub fn qualified_name(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    prefix.is_none_or(dns_subdomain) && plain_name(name)
}

/// Whether a text is a DNS subdomain, the form of most objects' names: at most 253 characters, labels of any length.
pub fn dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether a text is an RFC 1123 label, the form of a namespace's name.
pub fn dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(inner) && text.ends_with(inner) && text.chars().all(|c| inner(c) || c == '-')
}

/// Whether a text is a valid value of a label.
pub fn label_value(text: &str) -> bool {
    text.is_empty() || plain_name(text)
}

fn plain_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(inner)
        && text.ends_with(inner)
        && text.chars().all(|c| inner(c) || matches!(c, '-' | '_' | '.'))
}
