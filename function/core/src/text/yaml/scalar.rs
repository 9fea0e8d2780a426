//! Value of a YAML scalar without quotes, as kubectl reads it: by YAML 1.1, where `yes` is true and `010` is eight, and
//! with an integer for every whole number, however the number is written.

use serde_json::Value;

/// Whether kubectl reads a YAML scalar without quotes as text of the same characters, both as a value and as the name
/// of a field. As a name, `<<` is not text but a merge key.
pub fn is_text(text: &str) -> bool {
    text != "<<" && plain(text).is_some_and(|value| value == text)
}

/// Value of a YAML scalar without quotes, as kubectl reads it; `None` for infinity and NaN, which JSON cannot express.
pub fn plain(text: &str) -> Option<Value> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true.into()),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false.into()),
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        _ if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") => None,
        _ => Some(number(text).unwrap_or_else(|| text.into())),
    }
}

fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    // In a YAML scalar that begins with a point, kubectl reads underscores as part of a number only between digits.
    let is_between = |around: &[&str]| {
        around[0].ends_with(|last: char| last.is_ascii_digit())
            && around[1].starts_with(|next: char| next.is_ascii_digit())
    };
    if text.starts_with('.') && !text.split('_').collect::<Vec<_>>().windows(2).all(is_between) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

pub fn integer(text: &str) -> Option<Value> {
    // In an integer of YAML, kubectl accepts a sign behind the base only after `0b`, as in `0b-1`.
    if let Some(Ok(number)) = text.strip_prefix("0b").map(|digits| i64::from_str_radix(digits, 2)) {
        return Some(number.into());
    }
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if is_negative { 0_i64.checked_sub_unsigned(magnitude).map(Value::from) } else { Some(magnitude.into()) }
}

fn float(text: &str) -> Option<Value> {
    let is_float = text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | 'E' | '+' | '-'));
    // A YAML scalar of digits beyond the range of a float is text.
    let number: f64 = text.parse().ok().filter(|number: &f64| is_float && number.is_finite())?;
    Some(whole(number).map_or_else(|| number.into(), Value::from))
}

/// Integer for a YAML float without a fraction, such as 1000 for `1e3`: kubectl converts YAML to JSON first, and writes
/// 1000 there.
fn whole(number: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
    (number.fract() == 0.0 && number.abs() < END).then_some(number as i64)
}
