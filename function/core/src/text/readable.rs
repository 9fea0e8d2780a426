//! Escapes that make untrusted text safe to show to people. A terminal executes control characters, and kubectl prints
//! the message of a condition unescaped. Bidirectional characters reorder a line, so that it reads differently from its
//! content, and some characters are invisible. All of these characters are written as escapes such as `\u{1b}`; line
//! breaks and tabs stay.

use std::borrow::Cow;

/// Untrusted text in which each invisible, bidirectional or control character is written as an escape such as `\u{1b}`,
/// so that the text is safe to show to people. Line breaks and tabs stay.
pub fn readable<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if text.chars().any(is_unseen) { text.chars().map(shown).collect() } else { text }
}

/// JSON in which each invisible, bidirectional or control character is written as `\uXXXX`, so that a terminal does not
/// execute it. The JSON keeps its meaning, because such characters occur in its strings only.
pub fn readable_json(json: &str) -> Cow<'_, str> {
    if json.chars().any(is_unseen) {
        let shown = |character: char| match character {
            unseen if is_unseen(unseen) => {
                let units =
                    unseen.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>();
                units.concat()
            }
            other => other.to_string(),
        };
        Cow::Owned(json.chars().map(shown).collect())
    } else {
        Cow::Borrowed(json)
    }
}

fn shown(character: char) -> String {
    if is_unseen(character) { character.escape_unicode().to_string() } else { character.to_string() }
}

/// Whether a character of untrusted text is escaped before people see it: it is invisible, or controls a terminal or
/// the direction of writing. Line breaks and tabs are not escaped.
fn is_unseen(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_none = matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe;
    let is_blank = matches!(character, '\u{200b}' | '\u{feff}');
    turns || is_none || is_blank || character.is_control() && !matches!(character, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(readable("a\tb\nü 🎉"), "a\tb\nü 🎉");
        assert_eq!(readable("\u{1b}[2J\r\u{9b}\u{202e}\0\u{feff}"), "\\u{1b}[2J\\u{d}\\u{9b}\\u{202e}\\u{0}\\u{feff}");
    }

    #[test]
    fn json_says_the_same() {
        let text = "a\u{7f}\u{9b}\u{202e}\u{10ffff}\u{1b}\"\n";
        let json = serde_json::to_string(text).unwrap();
        let shown = readable_json(&json);
        assert!(!shown.chars().any(is_unseen), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
