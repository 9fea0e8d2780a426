//! How deep brackets are nested in a YAML text, told without parsing it: the library that does looks at every open bracket
//! again for each token, and says only in the end that they were too many.
//!
//! This is no parser. It follows what opens and closes a list or a set of fields in brackets, as far as quotes and comments
//! hide none; in a text that is no such thing it may see a bracket or two that are none.

/// As deep as the library reads.
pub const DEPTH: usize = 128;

/// The line, from 1, on which brackets are nested too deep.
pub fn too_deep(text: &str) -> Option<usize> {
    let mut scan = Scan { depth: 0, quote: None, is_begin: true };
    text.lines().enumerate().find_map(|(above, line)| scan.line(line).then_some(above + 1))
}

struct Scan {
    depth: usize,
    /// The quotation mark that ends the text it is in.
    quote: Option<char>,
    /// Whether a value can begin here.
    is_begin: bool,
}

impl Scan {
    /// Whether a line goes too deep.
    fn line(&mut self, line: &str) -> bool {
        let mut before = ' ';
        // Outside of brackets, every line may begin a value.
        self.is_begin |= self.depth == 0;
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match (self.quote, letter) {
                (Some('"'), '\\') => drop(letters.next()),
                (Some('\''), '\'') if letters.peek() == Some(&'\'') => drop(letters.next()),
                (Some(quote), _) if quote == letter => self.quote = None,
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => return false,
                (None, '"' | '\'') if self.is_begin => (self.quote, self.is_begin) = (Some(letter), false),
                (None, '[' | '{') if self.is_begin || self.depth > 0 => {
                    (self.depth, self.is_begin) = (self.depth + 1, true);
                    if self.depth > DEPTH {
                        return true;
                    }
                }
                (None, ']' | '}') => (self.depth, self.is_begin) = (self.depth.saturating_sub(1), false),
                (None, ',') => self.is_begin = self.depth > 0,
                (None, ':' | '-' | '?') => self.is_begin = true,
                (None, letter) if letter.is_whitespace() => {}
                (None, _) => self.is_begin = false,
            }
            before = letter;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deep_is_found_on_its_line() {
        let open = |what: &str, count: usize| what.repeat(count);
        assert_eq!(too_deep(&open("[", DEPTH)), None);
        assert_eq!(too_deep(&open("[", DEPTH + 1)), Some(1));
        assert_eq!(too_deep(&open("[\n", DEPTH + 1)), Some(DEPTH + 1));
        assert_eq!(too_deep(&format!("a: 1\nb: {}", open("{a: ", DEPTH + 1))), Some(2));
        assert_eq!(too_deep(&format!("- {}", open("[']', ", DEPTH + 1))), Some(1));
        assert_eq!(too_deep(&format!("- {}", open(r#"{"]\"}": "#, DEPTH + 1))), Some(1));
        assert_eq!(too_deep(&format!("a: {}", open("[ # ]\n", DEPTH + 1))), Some(DEPTH + 1));
    }

    #[test]
    fn brackets_that_are_closed_or_are_text_nest_nothing() {
        assert_eq!(too_deep(&"- [a, {b: [c]}]\n".repeat(1000)), None);
        assert_eq!(too_deep(&format!("a: \"{}\"", "[".repeat(1000))), None);
        assert_eq!(too_deep(&format!("a: '{}'", "{".repeat(1000))), None);
        assert_eq!(too_deep(&format!("[{}]", "'it''s [', ".repeat(1000))), None);
        assert_eq!(too_deep(&format!("a: x{}", "[".repeat(1000))), None);
        assert_eq!(too_deep(&"# [[[[\n".repeat(1000)), None);
        assert_eq!(too_deep(&"run: |\n  if [[ -f x ]]; then echo \"${y[0]}\"; fi\n  don't [stop\n".repeat(100)), None);
    }
}
