//! Width of a text in the platform picture before the text is drawn. The font of the reader's browser is unknown, so
//! the figures are those of a wide font, DejaVu Sans: a box with room for a text in DejaVu Sans has room for the text
//! in narrower fonts.

/// Width of a text in the platform picture, in pixels. `size` is the font size, in pixels.
pub fn width(text: &str, size: f64, is_bold: bool) -> f64 {
    let weight = if is_bold { 1.13 } else { 1.0 };
    text.chars().map(advance).sum::<f64>() * size * weight
}

/// Width of a character in the font DejaVu Sans, as a multiple of the font size.
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

/// Lines of text in a label of the platform picture: items joined by commas, in lines of at most `limit` pixels. Lines
/// break between items; an item that is too long has a line of its own.
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
