//! Forms of texts in claims and settings: each is a pattern, which is a regular expression, with a description for
//! messages.

use std::fmt;

/// Regular expression for a port number from 1 to 65535, as a piece of larger patterns. It is a macro, because
/// `concat!` takes literals only.
macro_rules! port {
    () => {
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    };
}
/// Regular expression for one part of the path of a secret store entry, as a piece of larger patterns: the part is not
/// empty and does not consist of dots alone.
macro_rules! segment {
    () => {
        "[.]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*"
    };
}

/// Characters that no level of an MQTT topic in a claim has, for use inside the brackets of a regular expression: the
/// wildcards, the space, control characters, the byte order mark, and Unicode noncharacters. MQTT lets a broker
/// disconnect a client that sends control characters or noncharacters.
macro_rules! no_level {
    () => {
        concat!(
            r"+# \x00-\x1f\x7f-\x9f\x{fdd0}-\x{fdef}\x{feff}\x{fffe}\x{ffff}",
            r"\x{1fffe}\x{1ffff}\x{2fffe}\x{2ffff}\x{3fffe}\x{3ffff}\x{4fffe}\x{4ffff}\x{5fffe}\x{5ffff}\x{6fffe}\x{6ffff}\x{7fffe}\x{7ffff}\x{8fffe}\x{8ffff}\",
            r"x{9fffe}\x{9ffff}\x{afffe}\x{affff}\x{bfffe}\x{bffff}\x{cfffe}\x{cffff}\x{dfffe}\x{dffff}\x{efffe}\x{effff}\x{ffffe}\x{fffff}\x{10fffe}\x{10ffff}"
        )
    };
}

/// Form of a text in a claim or in the settings: a pattern for schemas, and a description for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Pattern of a form for texts: a regular expression in a syntax that Kubernetes, Rust and CUE read alike.
    pub pattern: &'static str,
    /// Description of a form for texts, worded to fit behind "must be" in a message about a field.
    pub words: &'static str,
}

/// Prints a form for texts as its pattern, so that a `schemars` attribute can name the form: `schemars` calls
/// `to_string` on it.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pattern)
    }
}

/// Macro that defines each form for texts as a constant with pattern and description, and the list of all forms for the
/// lookup of descriptions.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr, $words:literal;)+) => {
        $($(#[$doc])* pub const $name: Form = Form { pattern: $pattern, words: $words };)+
        const ALL: &[Form] = &[$($name),+];
    };
}

forms! {
    /// Pattern for a text in a claim or the settings that must be an RFC 1035 label: a valid name of a namespace, a
    /// Service or a virtual cluster. The pattern does not limit the length of the text; the schema of each field does.
    DNS_LABEL = r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        "lower-case letters, digits and hyphens, with a letter first and no hyphen last";
    /// Pattern for a text in a claim or the settings that must be a DNS name, with one label or more.
    DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "a DNS name of lower-case letters, digits, hyphens and dots, such as streaming.example.com";
    /// Pattern for a DNS name in a claim or the settings whose last label begins with a letter, so that no program
    /// reads the name as an IP address.
    DOMAIN = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z]([-a-z0-9]*[a-z0-9])?$",
        "a DNS name of lower-case letters, digits, hyphens and dots, with a letter first in its last part, such as streaming.example.com";
    /// Pattern for an amount of memory or storage in a claim or the settings: a Kubernetes quantity with the unit Ki,
    /// Mi, Gi or Ti.
    BYTES = r"^([1-9][0-9]{0,7}(Ki|Mi)|[1-9][0-9]{0,6}Gi|[1-9][0-9]{0,3}Ti)$",
        "a whole number with the unit Ki, Mi, Gi or Ti, such as 512Mi or 10Gi, and at most 9999Ti";
    /// Pattern for an amount of CPU in a claim or the settings: a Kubernetes quantity in cores, or thousandths of a
    /// core.
    CPU = r"^([1-9][0-9]{0,3}|[1-9][0-9]{0,6}m|0\.[0-9]{0,2}[1-9])$",
        "a number of cores, or of thousandths with an m behind it, such as 2 or 500m, and at most 9999";
    /// Pattern for a SHA-256 checksum in a claim, such as that of a connector archive, in lower-case hexadecimal
    /// digits.
    SHA256 = r"^[a-f0-9]{64}$",
        "a SHA-256 checksum of 64 lower-case hexadecimal digits";
    /// Pattern for the key of an entry in a Secret that a claim names.
    SECRET_KEY = r"^[-._a-zA-Z0-9]+$",
        "letters, digits, hyphens, underscores and dots";
    /// Pattern for the name of a namespace on the host cluster in a claim: an RFC 1123 label, which may begin with a
    /// digit.
    NAMESPACE = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "the name of a namespace";
    /// Pattern for the key of a label or an annotation in the settings: a name, optionally with a DNS name and a slash
    /// before it.
    QUALIFIED_NAME = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$",
        "a name of letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be";
    /// Pattern for an entry of a claim's list of admitted namespaces: a namespace's name, or `*` for all namespaces.
    NAMESPACE_OR_ALL = r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$",
        "the name of a namespace, or * for all";
    /// Pattern for an entry in the settings' list of reserved names: a name, or the beginning of names with `*` behind
    /// it.
    NAME_OR_BEGINNING = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(-?\*)?$",
        "a name of lower-case letters, digits and hyphens, or the beginning of one with * behind it";
    /// Pattern for the address of an image registry in the settings: a host with an optional port and an optional path,
    /// without a scheme.
    REGISTRY = concat!(r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:", port!(), r")?(/[-._a-z0-9]+)*$"),
        "a registry's host, with a port from 1 to 65535 and a path if need be, without https://";
    /// Pattern for the address of a Helm chart repository in the settings, by HTTPS, HTTP or OCI.
    CHART_REPOSITORY = r"^(https|http|oci)://[-a-zA-Z0-9._~:/?&=%+,\[\]]+$",
        "an address that starts with https://, http:// or oci://, without quotes, braces and spaces";
    /// Pattern for the version of a Helm chart in the settings: a semantic version, optionally with a `v` before it.
    VERSION = r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$",
        "a version of three numbers such as 1.2.3";
    /// Pattern for an image reference in a claim or the settings, with a tag, a digest or both.
    IMAGE = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}(@sha256:[a-f0-9]{64})?|@sha256:[a-f0-9]{64})$",
        "an image with a tag or a digest, such as example.com/simulator:1.2.3";
    /// Pattern for an entry in the settings' list of images: an image reference, or the beginning of references with `*`
    /// behind it.
    IMAGE_OR_BEGINNING = r"^[a-zA-Z0-9][-._/:a-zA-Z0-9]*(\*|:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}|@sha256:[a-f0-9]{64})$",
        "an image with a tag or a digest, such as example.com/connect:1.2.3, or the beginning of one with * behind it";
    /// Pattern for the HTTPS address of a connector archive in a claim: a `.jar` or `.zip` file on a server with a DNS
    /// name instead of an IP address.
    ARCHIVE_URL = concat!(
    r"^https://([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\.)*[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?(:",
    port!(),
    r")?/[-._~!$&'()*+,;=:@%/?a-zA-Z0-9]*\.(jar|zip)$"
),
        "an address that starts with https:// and a server's name, with a port from 1 to 65535 if need be, and ends in .jar or .zip; without user, IP address and white space";
    /// Pattern for the address of a bucket in an object store, by HTTPS, with a path inside the bucket.
    BUCKET_URL = concat!(
    r"^https://([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\.)*[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?(:",
    port!(),
    r")?/[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](/", segment!(), r")*$"
),
        "an address that starts with https:// and a server's name, with a port from 1 to 65535 if need be, then a bucket, and a path if need be, such as https://s3.example.com/backups/lenses; without user, IP address, white space and a slash at the end";
    /// Pattern for a schedule: the five fields of cron. [`crate::schema::schedule`] checks their numbers.
    SCHEDULE = r"^[0-9*/,-]+( [0-9*/,-]+){4}$",
        "the five fields of cron with one space between them, minute, hour, day of the month, month and day of the week, in numbers, such as 0 3 * * *";
    /// Pattern for the name of a region of an object store.
    REGION = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "lower-case letters, digits and hyphens, such as eu-central-1";
    /// Pattern for a moment, as RFC 3339 writes it.
    MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[-+][0-9]{2}:[0-9]{2})$",
        "a date and a time with its zone, such as 2026-11-30T06:00:00Z";
    /// Pattern for the name of a secret store entry in a claim: a path with `/` between its parts. No part is empty or
    /// consists of dots alone, because a secret store could resolve a path with such parts to another entry.
    REMOTE_KEY = concat!("^/?", segment!(), "(/", segment!(), ")*$"),
        "the parts of a path with / between them, each of letters, digits, hyphens, underscores and dots, and not of dots alone";
    /// Pattern that each text in the settings' list of allowed secret store entries must match. Each text of that list
    /// is itself a pattern, for the names of one or more entries: see [`crate::schema::remote_key`].
    REMOTE_KEY_PATTERN = concat!(r"^/?((", segment!(), r"|\{claimNamespace\})/)*(", segment!(), r"|\{claimNamespace\}|\*)$"),
        "the parts of a path with / between them, each {claimNamespace} or of letters, digits, hyphens, underscores and dots; the last one may be *";
    /// Pattern for the property of a secret store entry in a claim: one key, without characters that a secret store
    /// reads as a path or a query.
    REMOTE_PROPERTY = "^[-_a-zA-Z0-9]+$",
        "one key of letters, digits, hyphens and underscores";
    /// Pattern for a user name in a claim, without characters that a configuration file or a shell interprets.
    USER_NAME = r"^[a-z]([-._a-z0-9]*[a-z0-9])?$",
        "lower-case letters, digits, dots, hyphens and underscores, with a letter first and a letter or digit last";
    /// Pattern for the name of a group of people in a claim, with the characters that certificates and OpenID Connect
    /// providers usually have in such names.
    GROUP = r"^[a-zA-Z0-9/][-._:@/+=a-zA-Z0-9]*$",
        "the name of a group: letters, digits and -._:@/+= with a letter, a digit or / first, such as team-health";
    /// Pattern for an e-mail address in a claim, without quotes, braces, `$` and spaces, which templates and
    /// configuration files interpret.
    EMAIL = r"^[-!#%&*+/=?^_|~a-zA-Z0-9]+(\.[-!#%&*+/=?^_|~a-zA-Z0-9]+)*@[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)+$",
        "an e-mail address without quotes, braces, $ and spaces, such as admin@example.com";
    /// Pattern for the name of a Kafka topic in a claim.
    KAFKA_TOPIC = r"^[a-zA-Z0-9._-]+$",
        "letters, digits, dots, hyphens and underscores";
    /// Pattern for an MQTT topic in a claim, without wildcards.
    MQTT_TOPIC = concat!("^[^", no_level!(), "]+$"),
        "an MQTT topic without the wildcards + and #, without spaces and control characters";
    /// Pattern for an MQTT topic filter in a claim: each level is either a wildcard or a text without wildcards, and
    /// the wildcard `#` is the last level.
    MQTT_FILTER = concat!(r"^((\+|[^/", no_level!(), r"]*)/)*(\+|#|[^/", no_level!(), "]+)$"),
        "an MQTT topic filter without spaces and control characters, where + and # each take a whole level and # is last, such as health/+/data";
    /// Pattern for an MQTT topic filter in a claim that a bridge to Kafka subscribes to, without characters that the
    /// Kafka connector reads as KCQL or as a regular expression.
    BRIDGED_MQTT_FILTER = r"^((\+|[-_.:@=,~a-zA-Z0-9]*)/)*(\+|#|[-_.:@=,~a-zA-Z0-9]+)$",
        "an MQTT topic filter of letters, digits and -_.:@=,~ where + and # each take a whole level and # is last, such as health/+/data";
    /// Pattern for the path of a field in a JSON message, in a claim, with dots between the names of nested fields.
    JSON_FIELD = r"^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*$",
        "the name of a field, or several joined by dots, such as device.id";
    /// Pattern for a Snowflake account identifier in a claim, or for the host name of the Snowflake account.
    SNOWFLAKE_ACCOUNT = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$",
        "a Snowflake account identifier such as myorg-myaccount, or its host without https:// and without a port";
    /// Pattern for a Snowflake identifier in a claim that is valid in SQL without quotes.
    SNOWFLAKE_IDENTIFIER = r"^[a-zA-Z_][a-zA-Z0-9_$]*$",
        "a Snowflake identifier that needs no quotes: letters, digits, underscores and $, with no digit and no $ first";
}

/// CEL rule for an object in a claim that names a secret store entry in `remoteKey`, or a Secret in `secretRef`.
/// Without `secretRef`, the rule requires `remoteKey` to match the pattern [`REMOTE_KEY`].
pub const REMOTE_KEY_RULE: &str =
    concat!("has(self.secretRef) || self.remoteKey.matches('^/?", segment!(), "(/", segment!(), ")*$')");
/// CEL rule for an object in a claim that names a property of a secret store entry in `property`, or a Secret in
/// `secretRef`. Without `secretRef`, the rule requires `property` to match the pattern [`REMOTE_PROPERTY`].
pub const REMOTE_PROPERTY_RULE: &str = "has(self.secretRef) || self.property.matches('^[-_a-zA-Z0-9]+$')";

/// Description of the form for texts whose regular expression is `pattern`, for messages; `None` if no form has that
/// expression.
pub fn words(pattern: &str) -> Option<&'static str> {
    ALL.iter().find(|form| form.pattern == pattern).map(|form| form.words)
}

/// Whether a text is a valid key of a label or an annotation in Kubernetes.
pub fn qualified_name(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    prefix.is_none_or(dns_subdomain) && plain_name(name)
}

/// Whether a text is a DNS subdomain, as Kubernetes requires of most objects' names: at most 253 characters, with
/// labels of any length.
pub fn dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether a text is an RFC 1123 label, as Kubernetes requires of a namespace's name.
pub fn dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label(text)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(inner) && text.ends_with(inner) && text.chars().all(|c| inner(c) || c == '-')
}

/// Whether a text is a valid value of a label in Kubernetes.
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
