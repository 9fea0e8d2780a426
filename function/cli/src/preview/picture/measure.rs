//! Width of a text before it is drawn. The font of the reader is unknown, so the figures are those of a wide font,
//! DejaVu Sans: a text that fits in it fits in narrower fonts.

/// Width of a drawn text in pixels, at a font size in pixels.
pub fn width(text: &str, size: f64, is_bold: bool) -> f64 {
    let weight = if is_bold { 1.13 } else { 1.0 };
    text.chars().map(advance).sum::<f64>() * size * weight
}

/// Advance width of a character in DejaVu Sans, in ems.
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

/// Items of a label in the picture, joined into lines of at most `limit` pixels. Lines break between items; an item
/// that is too long has a line of its own.
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
