//! Quoting, once for each language: how a text of a claim or of the settings stays one value, and nothing else, in a
//! document that another program reads (a shell, SQL, a configuration file).
//!
//! A document of a language is built of [`Text`] alone: of words that stand in this program, and of anybody's text, quoted.
//! A character that a language cannot write is replaced by one without meaning there. That changes the text, so the form of
//! a field refuses such a character first. This room knows neither claims nor clusters.

use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

/// Replaces a character that a language cannot write. A mere removal would join the text on both sides of it.
const UNSAID: char = char::REPLACEMENT_CHARACTER;

/// A language that other programs read.
pub trait Language {
    /// Exactly this text, as one value.
    fn quoted(text: &str) -> String;
}

/// A text in a language.
#[derive(Clone, Debug)]
pub struct Text<L> {
    text: String,
    language: PhantomData<L>,
}

impl<L: Language> Text<L> {
    /// Whatever somebody wrote, as one value.
    pub fn literal(text: &str) -> Self {
        Self::of(L::quoted(text))
    }

    /// Our own words in the language.
    pub fn code(words: &'static str) -> Self {
        Self::of(words.to_owned())
    }

    /// Our own words in the language, one behind the other.
    pub fn joined<const N: usize>(words: [&'static str; N]) -> Self {
        Self::of(words.concat())
    }

    fn of(text: String) -> Self {
        Self { text, language: PhantomData }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<L: Language> fmt::Display for Text<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<L: Language> Serialize for Text<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Go's text templates, which External Secrets executes wherever a Secret is made of others.
#[derive(Clone, Debug)]
pub enum Template {}

impl Language for Template {
    /// Two braces begin an action. One that prints two braces takes their place.
    fn quoted(text: &str) -> String {
        text.replace("{{", "{{\"{{\"}}")
    }
}

/// A variable of a container: Kubernetes replaces `$(NAME)` there, and takes `$$` for `$`.
#[derive(Clone, Debug)]
pub enum Variable {}

impl Language for Variable {
    fn quoted(text: &str) -> String {
        let mut quoted = String::with_capacity(text.len());
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            quoted.push(character);
            if character == '$' && matches!(characters.peek(), Some('$' | '(')) {
                quoted.push('$');
            }
        }
        quoted
    }
}

/// Configuration whose reader replaces `$(…)` or `${…}`, and has no word for either itself: that of Lenses HQ, of the Lenses
/// agent and of Kafka's connectors.
#[derive(Clone, Debug)]
pub enum Placeholders {}

impl Language for Placeholders {
    fn quoted(text: &str) -> String {
        let mut before = ' ';
        let keep = |character: char| {
            let opens = before == '$' && matches!(character, '(' | '{');
            before = character;
            if opens { UNSAID } else { character }
        };
        text.chars().map(keep).collect()
    }
}

/// KCQL, in which a connector is told what to carry where. It is split at semicolons before it is read, and a name ends with
/// its backquote. Without backquotes a name with a dot, or one that is a word of the language, would not be read as a name.
#[derive(Clone, Debug)]
pub enum Kcql {}

impl Language for Kcql {
    fn quoted(text: &str) -> String {
        let name = without(text, |character| matches!(character, '`' | ';') || character.is_control());
        format!("`{name}`")
    }
}

/// A list of words, of which a text becomes one. A list may part its words by a space, a line's end, a comma or a colon, so a
/// text keeps none of them.
#[derive(Clone, Debug)]
pub enum Word {}

impl Language for Word {
    fn quoted(text: &str) -> String {
        let ends = |character: char| matches!(character, ' ' | ',' | ':') || character.is_control();
        never_empty(without(text, ends))
    }
}

/// The rest of a line in Mosquitto's access list. Without it, the line would say something else.
#[derive(Clone, Debug)]
pub enum Line {}

impl Language for Line {
    fn quoted(text: &str) -> String {
        never_empty(without(text, |character| character == ' ' || character.is_control()))
    }
}

fn without(text: &str, is_meant: impl Fn(char) -> bool) -> String {
    text.chars().map(|character| if is_meant(character) { UNSAID } else { character }).collect()
}

fn never_empty(text: String) -> String {
    if text.is_empty() { UNSAID.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are<L: Language>(pairs: &[(&str, &str)]) {
        for (text, quoted) in pairs {
            assert_eq!(Text::<L>::literal(text).as_str(), *quoted, "{text:?}");
        }
    }

    #[test]
    fn what_external_secrets_would_execute_is_kept_from_it() {
        are::<Template>(&[
            ("admin@example.com", "admin@example.com"),
            ("{ } }} {", "{ } }} {"),
            ("{{.|toJson}}@x.yz", "{{\"{{\"}}.|toJson}}@x.yz"),
            ("{{{", "{{\"{{\"}}{"),
            ("{{{{", "{{\"{{\"}}{{\"{{\"}}"),
            (" {{- .x -}} ", " {{\"{{\"}}- .x -}} "),
        ]);
    }

    #[test]
    fn what_kubernetes_would_replace_in_a_variable_is_kept_from_it() {
        are::<Variable>(&[
            ("plain", "plain"),
            ("${dir:/mnt:key}", "${dir:/mnt:key}"),
            ("$(NAME)", "$$(NAME)"),
            ("$$", "$$$"),
            ("$$(NAME)", "$$$$(NAME)"),
            ("cost: 5$", "cost: 5$"),
        ]);
    }

    #[test]
    fn what_a_program_would_replace_in_its_configuration_is_kept_from_it() {
        are::<Placeholders>(&[
            ("CONNECTOR$USER", "CONNECTOR$USER"),
            ("${dir:/mnt:key}", "$\u{fffd}dir:/mnt:key}"),
            ("$(HQ)$", "$\u{fffd}HQ)$"),
            ("$${x}", "$$\u{fffd}x}"),
            ("${{x}", "$\u{fffd}{x}"),
        ]);
    }

    #[test]
    fn a_name_stays_a_name() {
        are::<Kcql>(&[
            ("health/+/data", "`health/+/data`"),
            ("device.id", "`device.id`"),
            ("batch", "`batch`"),
            ("a` WITHKEY(b); c", "`a\u{fffd} WITHKEY(b)\u{fffd} c`"),
        ]);
        are::<Word>(&[("topic", "topic"), ("a,b:c d", "a\u{fffd}b\u{fffd}c\u{fffd}d"), ("", "\u{fffd}")]);
        are::<Line>(&[
            ("lab/#", "lab/#"),
            ("a\ntopic readwrite #", "a\u{fffd}topic\u{fffd}readwrite\u{fffd}#"),
            ("\u{b}", "\u{fffd}"),
            ("\0#", "\u{fffd}#"),
            ("", "\u{fffd}"),
        ]);
    }
}
