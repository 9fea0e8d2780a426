//! The forms of text that claims share, once: names, sizes, hosts. This room knows neither claims nor clusters.

use std::fmt;

/// The parts that forms share, as texts that `concat!` takes.
macro_rules! port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}
macro_rules! segment {
    () => {
        "[.]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*"
    };
}

/// What no level of an MQTT topic has, as between brackets: wildcards, spaces, and what MQTT has no use for, which is control
/// characters, the mark of a byte order, and what Unicode says is no character. A broker refuses clients that send it.
macro_rules! no_level {
    () => {
        concat!(
            r"+# \x00-\x1f\x7f-\x9f\x{fdd0}-\x{fdef}\x{feff}\x{fffe}\x{ffff}",
            r"\x{1fffe}\x{1ffff}\x{2fffe}\x{2ffff}\x{3fffe}\x{3ffff}\x{4fffe}\x{4ffff}\x{5fffe}\x{5ffff}\x{6fffe}\x{6ffff}\x{7fffe}\x{7ffff}\x{8fffe}\x{8ffff}\",
            r"x{9fffe}\x{9ffff}\x{afffe}\x{affff}\x{bfffe}\x{bffff}\x{cfffe}\x{cffff}\x{dfffe}\x{dffff}\x{efffe}\x{effff}\x{ffffe}\x{fffff}\x{10fffe}\x{10ffff}"
        )
    };
}

/// The form of a text, for schemas and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// A regular expression that Kubernetes, Rust and CUE read alike.
    pub pattern: &'static str,
    /// A description that fits behind "must be".
    pub words: &'static str,
}

/// The pattern, as attributes of schemas take it.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern)
    }
}

/// Defines each form once, with its words, and the list of all.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr, $words:literal;)+) => {
        $($(#[$doc])* pub const $name: Form = Form { pattern: $pattern, words: $words };)+
        const ALL: &[Form] = &[$($name),+];
    };
}

forms! {
    /// A DNS label: what a namespace, a Service or a virtual cluster may be called.
    DNS_LABEL = r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "lower-case letters, digits and hyphens, with a letter first and no hyphen last";
    /// A DNS name of at least one label.
    DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "a DNS name of lower-case letters, digits, hyphens and dots, such as streaming.example.com";
    /// A DNS name that no program takes for an address: its last label begins with a letter.
    DOMAIN = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z]([-a-z0-9]*[a-z0-9])?$",
        "a DNS name of lower-case letters, digits, hyphens and dots, with a letter first in its last part, such as streaming.example.com";
    /// An amount of memory or storage as Kubernetes writes it.
    BYTES = r"^([1-9][0-9]{0,7}(Ki|Mi)|[1-9][0-9]{0,6}Gi|[1-9][0-9]{0,3}Ti)$",
        "a whole number with the unit Ki, Mi, Gi or Ti, such as 512Mi or 10Gi, and at most 9999Ti";
    /// An amount of CPU as Kubernetes writes it: cores, or thousandths of one.
    CPU = r"^([1-9][0-9]{0,3}|[1-9][0-9]{0,6}m|0\.[0-9]{0,2}[1-9])$",
        "a number of cores, or of thousandths with an m behind it, such as 2 or 500m, and at most 9999";
    /// A SHA-256 checksum.
    SHA256 = r"^[a-f0-9]{64}$",
        "a SHA-256 checksum of 64 lower-case hexadecimal digits";
    /// The key of an entry in a Secret.
    SECRET_KEY = r"^[-._a-zA-Z0-9]+$",
        "letters, digits, hyphens, underscores and dots";
    /// A namespace on the host.
    NAMESPACE = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "the name of a namespace";
    /// The key of a label or an annotation: a name, with a DNS name before it if need be.
    QUALIFIED_NAME = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$",
        "a name of letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be";
    /// A namespace, or all of them.
    NAMESPACE_OR_ALL = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$",
        "the name of a namespace, or * for all";
    /// A name, or the beginning of names.
    NAME_OR_BEGINNING = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(-?\*)?$",
        "a name of lower-case letters, digits and hyphens, or the beginning of one with * behind it";
    /// A registry of images, with an optional path.
    REGISTRY = concat!(r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:", port!(), r")?(/[-._a-z0-9]+)*$"),
        "a registry's host, with a port from 1 to 65535 and a path if need be, without https://";
    /// A chart repository.
    CHART_REPOSITORY = r"^(https|http|oci)://[-a-zA-Z0-9._~:/?&=%+,\[\]]+$",
        "an address that starts with https://, http:// or oci://, without quotes, braces and spaces";
    /// A semantic version.
    VERSION = r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$",
        "a version of three numbers such as 1.2.3";
    /// An image with a tag or a digest.
    IMAGE = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}(@sha256:[a-f0-9]{64})?|@sha256:[a-f0-9]{64})$",
        "an image with a tag or a digest, such as example.com/simulator:1.2.3";
    /// An archive that is fetched over HTTPS, from a server that is named.
    ARCHIVE_URL = concat!(
    r"^https://([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\.)*[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?(:",
    port!(),
    r")?/[-._~!$&'()*+,;=:@%/?a-zA-Z0-9]*\.(jar|zip)$"
),
        "an address that starts with https:// and a server's name, with a port from 1 to 65535 if need be, and ends in .jar or .zip; without user, IP address and white space";
    /// The name of an entry in a secret store: plain parts of a path, which no store takes for anything else.
    REMOTE_KEY = concat!("^/?", segment!(), "(/", segment!(), ")*$"),
        "the parts of a path with / between them, each of letters, digits, hyphens, underscores and dots, and not of dots alone";
    /// Such a name, or many: see [`crate::schema::remote_key`].
    REMOTE_KEY_PATTERN = concat!(r"^/?((", segment!(), r"|\{claimNamespace\})/)*(", segment!(), r"|\{claimNamespace\}|\*)$"),
        "the parts of a path with / between them, each {claimNamespace} or of letters, digits, hyphens, underscores and dots; the last one may be *";
    /// A property of such an entry: one key, without what a store takes for a path or a question.
    REMOTE_PROPERTY = "^[-_a-zA-Z0-9]+$",
        "one key of letters, digits, hyphens and underscores";
    /// A user's name that needs no quotes anywhere.
    USER_NAME = r"^[a-z]([-._a-z0-9]*[a-z0-9])?$",
        "lower-case letters, digits, dots, hyphens and underscores, with a letter first and a letter or digit last";
    /// An e-mail address that needs no quotes anywhere.
    EMAIL = r"^[-!#%&*+/=?^_|~a-zA-Z0-9]+(\.[-!#%&*+/=?^_|~a-zA-Z0-9]+)*@[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)+$",
        "an e-mail address without quotes, braces, $ and spaces, such as admin@example.com";
    /// A Kafka topic.
    KAFKA_TOPIC = r"^[a-zA-Z0-9._-]+$",
        "letters, digits, dots, hyphens and underscores";
    /// An MQTT topic, which names one.
    MQTT_TOPIC = concat!("^[^", no_level!(), "]+$"),
        "an MQTT topic without the wildcards + and #, without spaces and control characters";
    /// An MQTT topic filter: levels without wildcards or white space, or a whole level that is one.
    MQTT_FILTER = concat!(r"^((\+|[^/", no_level!(), r"]*)/)*(\+|#|[^/", no_level!(), "]+)$"),
        "an MQTT topic filter without spaces and control characters, where + and # each stand for a whole level and # stands last, such as health/+/data";
    /// An MQTT topic filter without what its connector would take for its own language or for a regular expression.
    BRIDGED_MQTT_FILTER = r"^((\+|[-_.:@=,~a-zA-Z0-9]*)/)*(\+|#|[-_.:@=,~a-zA-Z0-9]+)$",
        "an MQTT topic filter of letters, digits and -_.:@=,~ where + and # each stand for a whole level and # stands last, such as health/+/data";
    /// A field of a JSON message, at any depth.
    JSON_FIELD = r"^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*$",
        "the name of a field, or several joined by dots, such as device.id";
    /// A Snowflake account identifier.
    SNOWFLAKE_ACCOUNT = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$",
        "a Snowflake account identifier such as myorg-myaccount, or its host without https:// and without a port";
    /// A Snowflake identifier that needs no quotes.
    SNOWFLAKE_IDENTIFIER = r"^[a-zA-Z_][a-zA-Z0-9_$]*$",
        "a Snowflake identifier that needs no quotes: letters, digits, underscores and $, with no digit and no $ first";
}

/// The same where nothing else is named, as an API server evaluates it.
pub const REMOTE_KEY_RULE: &str =
    concat!("has(self.secretRef) || self.remoteKey.matches('^/?", segment!(), "(/", segment!(), ")*$')");
/// The same where nothing else is named, as an API server evaluates it.
pub const REMOTE_PROPERTY_RULE: &str = "has(self.secretRef) || self.property.matches('^[-_a-zA-Z0-9]+$')";

/// The words of the form with this pattern.
pub fn words(pattern: &str) -> Option<&'static str> {
    ALL.iter().find(|form| form.pattern == pattern).map(|form| form.words)
}

/// Whether a text can be the key of a label or an annotation.
pub fn qualified_name(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    prefix.is_none_or(dns_subdomain) && plain_name(name)
}

/// Whether a text can be the name of most objects: labels of DNS of any length, with dots between them.
pub fn dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether a text can be the name of a namespace: one label of DNS.
pub fn dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(inner) && text.ends_with(inner) && text.chars().all(|c| inner(c) || c == '-')
}

/// Whether a text can be the value of a label.
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
