//! How wide a text will be. Nobody knows which font a reader has, so it is reckoned with a wide one: what fits in that fits
//! in others.

/// The width of a text in pixels, at a size in pixels.
pub fn width(text: &str, size: f64, is_bold: bool) -> f64 {
    let weight = if is_bold { 1.13 } else { 1.0 };
    text.chars().map(advance).sum::<f64>() * size * weight
}

/// The advance of a character, in ems, as in DejaVu Sans.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' => 0.30,
        ' ' | '.' | ',' | ':' | ';' | '/' | '|' | '!' => 0.34,
        'f' | 't' | 'r' | '-' | '(' | ')' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'c' | 's' | 'z' | 'J' => 0.56,
        'A'..='Z' => 0.74,
        _ if c.is_ascii() => 0.64,
        _ => 1.05,
    }
}

/// A list in lines of at most this width, broken between its items; one that is too long for a line stands alone.
pub fn lines(items: &[String], size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if width(&format!("{line}, {item}"), size, false) <= limit => {
                line.push_str(", ");
                line.push_str(item);
            }
            Some(line) => {
                line.push(',');
                lines.push(item.clone());
            }
            None => lines.push(item.clone()),
        }
    }
    lines
}
