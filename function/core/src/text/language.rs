//! Quoting of untrusted text: a text of a claim or of the settings stays one value in a document that another program
//! reads, such as a Go template, a connector's configuration or an access list.
//!
//! A document is built of [`Text`] alone: of constants in this program, and of quoted text. A character that a language
//! cannot escape is replaced by U+FFFD, which has no meaning in any of the languages. The replacement changes the text,
//! so the pattern of a claim's field refuses such a character beforehand.

use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

/// Replacement for a character that a language cannot escape. Deleting the character would join the texts on both sides
/// of it.
const UNSAID: char = char::REPLACEMENT_CHARACTER;

/// Language of a document that another program reads, such as a configuration file.
pub trait Language {
    /// Untrusted text as one value of the language.
    fn quoted(text: &str) -> String;
}

/// Text that is valid in a language: constants and quoted values.
#[derive(Clone, Debug)]
pub struct Text<L> {
    text: String,
    language: PhantomData<L>,
}

impl<L: Language> Text<L> {
    /// Untrusted text, quoted as one value of the document's language.
    pub fn literal(text: &str) -> Self {
        Self::of(L::quoted(text))
    }

    /// Constant of this program as a piece of a document, not quoted.
    pub fn code(words: &'static str) -> Self {
        Self::of(words.to_owned())
    }

    /// Constants of this program as a piece of a document, joined without a separator and not quoted.
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

/// Go's text templates, which External Secrets executes in the `template` of an ExternalSecret or a PushSecret.
#[derive(Clone, Debug)]
pub enum Template {}

impl Language for Template {
    /// Two braces begin an action in Go's templates. They are replaced by an action that prints two braces.
    fn quoted(text: &str) -> String {
        text.replace("{{", "{{\"{{\"}}")
    }
}

/// Value of a container's environment variable. Kubernetes replaces `$(NAME)` in it, and reads `$$` as `$`.
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

/// Configuration in which a program replaces `$(…)` or `${…}` and has no escape for either: that of Lenses HQ, of the
/// Lenses agent and of Kafka's connectors.
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

/// Name in KCQL, the language that says which topics a Lenses connector copies to which. Backquotes are needed for a
/// name with a dot and for a name that is a keyword. Backquotes and semicolons in the name are replaced: a backquote
/// would end the name, and statements are split at semicolons before they are parsed.
#[derive(Clone, Debug)]
pub enum Kcql {}

impl Language for Kcql {
    fn quoted(text: &str) -> String {
        let name = without(text, |character| matches!(character, '`' | ';') || character.is_control());
        format!("`{name}`")
    }
}

/// One word of a list in a configuration file. Lists are separated by a space, a line break, a comma or a colon, so a
/// word contains none of them.
#[derive(Clone, Debug)]
pub enum Word {}

impl Language for Word {
    fn quoted(text: &str) -> String {
        let ends = |character: char| matches!(character, ' ' | ',' | ':') || character.is_control();
        never_empty(without(text, ends))
    }
}

/// Last field of a line in Mosquitto's access list. It is never empty, because the line would have another meaning
/// without it.
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
