//! The forms of text that claims share, once: names, sizes, hosts. This room knows neither claims nor clusters.

/// A DNS label: what a namespace, a Service or a virtual cluster may be called.
pub const DNS_LABEL: &str = r"^[a-z]([-a-z0-9]*[a-z0-9])?$";
/// A DNS name of at least one label.
pub const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// An amount of memory or storage as Kubernetes writes it.
pub const BYTES: &str = r"^[1-9][0-9]*(Ki|Mi|Gi|Ti)$";
/// An amount of CPU as Kubernetes writes it: cores, or thousandths of one.
pub const CPU: &str = r"^([1-9][0-9]*m?|0\.[0-9]*[1-9])$";
/// A SHA-256 checksum.
pub const SHA256: &str = r"^[a-f0-9]{64}$";

/// The number of bytes in an amount of the form [`BYTES`]; nothing where it is of another form.
pub fn bytes(amount: &str) -> Option<u64> {
    let unit = amount.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = amount.split_at(unit);
    let factor: u64 = match unit {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Whole mebibytes in a number of bytes.
pub fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}
