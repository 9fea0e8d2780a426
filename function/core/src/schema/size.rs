//! Amounts of CPU, memory and storage. Text in a claim or the settings is parsed once, when it is checked, so that
//! later code has numbers.

use std::borrow::Cow;
use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::schema::form;

/// Largest number of cores that a CPU field in a claim or the settings accepts as a number. For cores as text, the
/// field has a pattern.
const MOST_CORES: u64 = 9999;

/// Amount of CPU, counted in thousandths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cpu {
    thousandths: u64,
}

impl Cpu {
    pub const fn thousandths(thousandths: u64) -> Self {
        Self { thousandths }
    }

    /// Amount of CPU from a text of the form [`CPU`](crate::schema::form::CPU), such as `500m`; `None` for text that is
    /// not an amount.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(thousandths) = text.strip_suffix('m') {
            return digits(thousandths).map(Self::thousandths);
        }
        let (cores, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let scale = 10_u64.pow(u32::try_from(3_usize.checked_sub(fraction.len())?).ok()?);
        let thousandths = digits(cores)?.checked_mul(1000)?.checked_add(digits(fraction)? * scale)?;
        Some(Self { thousandths })
    }

    /// CPU limit of a container with a given CPU request: four times the request, rounded up to whole cores, and at
    /// least one core. Most programs need that much for a moment when they start.
    #[must_use]
    pub fn limit(self) -> Self {
        let cores = self.thousandths.saturating_mul(4).div_ceil(1000).max(1);
        Self { thousandths: cores.saturating_mul(1000) }
    }

    /// Amount of CPU as text for messages, in cores such as `72.15`.
    pub fn words(self) -> String {
        let text = format!("{}.{:03}", self.thousandths / 1000, self.thousandths % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Amount of CPU as people write a sum, in cores such as `47.4`: rounded up to tenths from one core on.
    pub fn spelt_out(self) -> String {
        let hundreds = if self.thousandths < 1000 { self.thousandths } else { self.thousandths.div_ceil(100) * 100 };
        Self { thousandths: hundreds }.words()
    }

    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self { thousandths: self.thousandths.saturating_add(more.thousandths) }
    }

    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { thousandths: self.thousandths.saturating_mul(count) }
    }
}

/// Amount of CPU as the text of a Kubernetes quantity: whole cores, or thousandths such as `500m`.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.thousandths / 1000, self.thousandths % 1000) {
            (cores, 0) => write!(f, "{cores}"),
            _ => write!(f, "{}m", self.thousandths),
        }
    }
}

/// Deserializer for an amount of CPU in a claim or the settings: text, or whole cores as a number. Kubernetes accepts
/// both.
pub fn cpu_as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<'a> {
        Number(u64),
        Text(Cow<'a, str>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Number(cores) => cores.to_string(),
        Written::Text(text) => text.into_owned(),
    })
}

/// JSON schema of a field with an amount of CPU, which takes text, or whole cores as a number.
pub fn cpu_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": true,
        "minimum": 1,
        "maximum": MOST_CORES,
        "maxLength": 10,
        "pattern": form::CPU.pattern,
    })
}

/// Amount of memory or storage, counted in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes {
    bytes: u64,
}

const MEBI: u64 = 1 << 20;
const UNITS: [(&str, u64); 4] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", MEBI), ("Ki", 1 << 10)];

impl Bytes {
    /// Largest amount of memory or storage, which is above every limit. It stands for an amount that cannot be read, so
    /// that no limit admits the amount.
    pub const MOST: Self = Self { bytes: u64::MAX };

    pub const fn of(bytes: u64) -> Self {
        Self { bytes }
    }

    pub const fn mebi(mebibytes: u64) -> Self {
        Self { bytes: mebibytes * MEBI }
    }

    /// Amount of memory or storage from a text of the form [`BYTES`](crate::schema::form::BYTES), such as `512Mi`;
    /// `None` for text that is not an amount.
    pub fn read(text: &str) -> Option<Self> {
        let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let bytes = digits(text.strip_suffix(unit)?)?.checked_mul(*factor)?;
        Some(Self { bytes })
    }

    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// Amount of memory or storage in whole mebibytes, rounded down.
    pub fn mebibytes(self) -> u64 {
        self.bytes / MEBI
    }

    /// Amount of memory or storage as the text of a Kubernetes quantity in mebibytes, rounded down, such as `512Mi`.
    pub fn quantity(self) -> String {
        format!("{}Mi", self.mebibytes())
    }

    /// Amount of memory or storage as text for messages, such as `1.5Gi`: in the largest unit that fits into the
    /// amount, and rounded up to tenths of the unit.
    pub fn words(self) -> String {
        let Some((number, unit)) = self.in_largest_unit() else { return self.to_string() };
        format!("{number}{unit}")
    }

    /// Amount of memory or storage as people write it, such as `1.5 GiB`, rounded as in [`words`](Self::words).
    pub fn spelt_out(self) -> String {
        let Some((number, unit)) = self.in_largest_unit() else { return format!("{} B", self.bytes) };
        format!("{number} {unit}B")
    }

    /// Number with at most one decimal place, rounded up, and unit of an amount in the largest unit that fits into it;
    /// none for less than the smallest unit.
    fn in_largest_unit(self) -> Option<(String, &'static str)> {
        let (unit, factor) = UNITS.iter().find(|(_, factor)| self.bytes >= *factor)?;
        let tenths = self.bytes.saturating_mul(10).div_ceil(*factor);
        let number = match tenths % 10 {
            0 => (tenths / 10).to_string(),
            tenth => format!("{}.{tenth}", tenths / 10),
        };
        Some((number, unit))
    }

    /// Amount of memory as text for an option of Java such as `-Xmx`, in mebibytes and rounded down, such as `512m`.
    pub fn java(self) -> String {
        format!("{}m", self.mebibytes())
    }

    #[must_use]
    pub fn doubled(self) -> Self {
        self.times(2)
    }

    /// Difference of two amounts of memory or storage; zero where the amount that is subtracted is larger.
    #[must_use]
    pub fn minus(self, less: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(less.bytes) }
    }

    /// Number of pieces of the size `piece` that fit into an amount of memory or storage.
    pub fn holds(self, piece: Self) -> u64 {
        self.bytes.checked_div(piece.bytes).unwrap_or_default()
    }

    #[must_use]
    pub fn halved(self) -> Self {
        Self { bytes: self.bytes / 2 }
    }

    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes) }
    }

    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self { bytes: self.bytes.saturating_mul(count) }
    }
}

/// Amount of memory or storage as the text of a Kubernetes quantity, in the largest unit that has no remainder.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&(&str, u64)| self.bytes > 0 && self.bytes.is_multiple_of(*factor);
        match UNITS.iter().find(whole) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.bytes / factor),
            None => write!(f, "{}", self.bytes),
        }
    }
}

/// Number from a text of decimal digits alone. A sign, which Rust's parser accepts, is refused.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Cpu, form};

    #[test]
    fn an_amount_of_cpu_is_read_and_written_as_kubernetes_does() {
        for (text, thousandths, written) in [
            ("1", 1000, "1"),
            ("64", 64_000, "64"),
            ("250m", 250, "250m"),
            ("1500m", 1500, "1500m"),
            ("2000m", 2000, "2"),
            ("0.5", 500, "500m"),
            ("0.05", 50, "50m"),
            ("0.125", 125, "125m"),
        ] {
            let cpu = Cpu::read(text);
            assert_eq!(cpu, Some(Cpu::thousandths(thousandths)), "{text}");
            assert_eq!(cpu.map(|cpu| cpu.to_string()).as_deref(), Some(written));
        }
        for text in ["", "m", "-1", "+1", "1.5.0", "0.0005", "1k", "99999999999999999999", "0.", ".", "1e3"] {
            assert_eq!(Cpu::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_of_bytes_is_read_and_written_as_kubernetes_does() {
        for (text, written) in [
            ("1Ki", "1Ki"),
            ("1024Ki", "1Mi"),
            ("512Mi", "512Mi"),
            ("10Gi", "10Gi"),
            ("2048Gi", "2Ti"),
            ("16Ti", "16Ti"),
        ] {
            assert_eq!(Bytes::read(text).map(|bytes| bytes.to_string()).as_deref(), Some(written));
        }
        for text in ["", "Gi", "10", "10GB", "-1Gi", "+1Gi", "1.5Gi", "99999999Ti", "Ti1"] {
            assert_eq!(Bytes::read(text), None, "{text}");
        }
    }

    /// Checks read amounts after the schema of their field, so an amount that has the form is one that can be read.
    #[test]
    fn whatever_has_the_form_of_an_amount_is_one() {
        let digits = ["0", "1", "9", "10", "99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999"];
        let fractions = ["", ".0", ".5", ".50", ".05", ".125", ".001", ".0001"];
        let units = ["", "m", "Ki", "Mi", "Gi", "Ti", "Pi", "G"];
        let numbers =
            digits.iter().flat_map(|digits| fractions.iter().map(move |fraction| format!("{digits}{fraction}")));
        let texts: Vec<String> = numbers.flat_map(|number| units.map(|unit| format!("{number}{unit}"))).collect();
        for (form, reads) in [
            (form::CPU, (|text| Cpu::read(text).is_some()) as fn(&str) -> bool),
            (form::BYTES, |text| Bytes::read(text).is_some()),
        ] {
            let pattern = regex_lite::Regex::new(form.pattern).unwrap();
            let formed: Vec<&String> = texts.iter().filter(|text| pattern.is_match(text)).collect();
            assert!(formed.len() > 10, "{formed:?}");
            assert!(formed.iter().all(|text| reads(text)), "{formed:?}");
        }
    }

    #[test]
    fn people_are_told_an_amount_in_its_largest_unit() {
        for (text, words) in [
            ("17Ti", "17Ti"),
            ("10238986Gi", "9999.1Ti"),
            ("1059904Mi", "1.1Ti"),
            ("2880Mi", "2.9Gi"),
            ("512Mi", "512Mi"),
            ("1Ki", "1Ki"),
        ] {
            assert_eq!(Bytes::read(text).map(Bytes::words).as_deref(), Some(words));
        }
        assert_eq!(Bytes::default().words(), "0");
        for (bytes, words) in [
            (Bytes::mebi(64), "64 MiB"),
            (Bytes::mebi(24_832), "24.3 GiB"),
            (Bytes::mebi(1500 << 10), "1.5 TiB"),
            (Bytes::of(1 << 10), "1 KiB"),
            (Bytes::of(7), "7 B"),
        ] {
            assert_eq!(bytes.spelt_out(), words);
        }
        for (text, words) in [("72150m", "72.15"), ("70", "70"), ("50m", "0.05"), ("100", "100")] {
            assert_eq!(Cpu::read(text).map(Cpu::words).as_deref(), Some(words));
        }
        for (text, words) in [("47360m", "47.4"), ("2885m", "2.9"), ("1", "1"), ("1001m", "1.1"), ("75m", "0.075")] {
            assert_eq!(Cpu::read(text).map(Cpu::spelt_out).as_deref(), Some(words));
        }
    }

    #[test]
    fn a_container_may_take_more_cpu_than_it_reserves() {
        for (reserved, limit) in [("50m", "1"), ("100m", "1"), ("250m", "1"), ("300m", "2"), ("0.5", "2"), ("2", "8")] {
            assert_eq!(Cpu::read(reserved).map(|cpu| cpu.limit().to_string()).as_deref(), Some(limit), "{reserved}");
        }
    }

    #[test]
    fn what_is_too_much_to_count_is_the_most_that_there_is() {
        let most = Bytes::mebi(1).times(u64::MAX);
        assert_eq!(most.plus(most).times(2), most);
        let most = Cpu::thousandths(2).times(u64::MAX);
        assert_eq!(most.plus(most), most);
    }
}
