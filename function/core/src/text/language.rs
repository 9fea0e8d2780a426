//! Quoting of untrusted text: a text of a claim or of the settings stays one value in a document that another program
//! reads, such as a Go template, a connector's configuration or an access list.
//!
//! Such a document is built of [`Text`] alone: of constants in this function, and of quoted text. A character that the
//! document's language cannot escape is replaced by U+FFFD, which has no meaning in any of the languages. The
//! replacement changes the text, so the pattern of a claim's field refuses such a character beforehand.

use std::fmt;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};

/// Replacement for a character of untrusted text that a document's language cannot escape. Deleting the character would
/// join the texts on both sides of it.
const UNSAID: char = char::REPLACEMENT_CHARACTER;

/// Language of a document that another program reads, such as Go's templates or KCQL, with the language's rule for
/// quoting untrusted text.
pub trait Language {
    /// Untrusted text, quoted so that the program that reads the document gets one value.
    fn quoted(text: &str) -> String;
}

/// Text of a document for another program, valid in the document's language `L`: it consists of constants of this
/// function and of quoted values alone.
#[derive(Clone, Debug)]
pub struct Text<L> {
    text: String,
    language: PhantomData<L>,
}

impl<L: Language> Text<L> {
    /// Untrusted text of a claim or the settings, quoted as one value in the language of a document for another
    /// program.
    pub fn literal(text: &str) -> Self {
        Self::of(L::quoted(text))
    }

    /// Piece of a document for another program: a constant of this function, which is not quoted.
    pub fn code(words: &'static str) -> Self {
        Self::of(words.to_owned())
    }

    /// Piece of a document for another program: constants of this function, joined without a separator and not quoted.
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

/// Language of Go's text templates, which External Secrets executes in the `template` of an ExternalSecret or a
/// PushSecret.
#[derive(Clone, Debug)]
pub enum Template {}

impl Language for Template {
    /// Untrusted text for a Go template. Each pair of opening braces, which would begin an action of the template, is
    /// replaced by an action that prints the two braces.
    fn quoted(text: &str) -> String {
        text.replace("{{", "{{\"{{\"}}")
    }
}

/// Language of the value of a container's environment variable: Kubernetes replaces `$(NAME)` in such a value, and
/// reads `$$` as `$`.
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

/// Language of the configuration of Lenses HQ, of the Lenses agent and of Kafka's connectors: the program replaces
/// `$(…)` or `${…}` in a value, and has no escape for either.
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

/// Language of a name in KCQL, in which the configuration of a Lenses connector names the topics between which the
/// connector copies messages. Names are in backquotes, which a name with a dot or a name that is a keyword needs.
/// Backquotes and semicolons in a name are replaced: a backquote would end the name, and the connector splits
/// statements at semicolons before it parses them.
#[derive(Clone, Debug)]
pub enum Kcql {}

impl Language for Kcql {
    fn quoted(text: &str) -> String {
        let name = without(text, |character| matches!(character, '`' | ';') || character.is_control());
        format!("`{name}`")
    }
}

/// Language of one word of a list in a configuration file. Such a list is separated by spaces, line breaks, commas or
/// colons, so a word contains none of these.
#[derive(Clone, Debug)]
pub enum Word {}

impl Language for Word {
    fn quoted(text: &str) -> String {
        let ends = |character: char| matches!(character, ' ' | ',' | ':') || character.is_control();
        never_empty(without(text, ends))
    }
}

/// Language of the last field of a line in Mosquitto's access list. The field is never empty, because Mosquitto would
/// read the line differently without it.
#[derive(Clone, Debug)]
pub enum Line {}

impl Language for Line {
    fn quoted(text: &str) -> String {
        never_empty(without(text, |character| character == ' ' || character.is_control()))
    }
}

/// Language of regular expressions, as Erlang reads them: a text of a claim is the characters that it has. Braces are
/// escaped too, because RabbitMQ replaces `{username}` and its like in the expressions of its users' rights.
#[derive(Clone, Debug)]
pub enum Pattern {}

impl Language for Pattern {
    fn quoted(text: &str) -> String {
        let mut quoted = String::with_capacity(text.len());
        for character in text.chars() {
            if r"\^$.[]|()?*+{}#".contains(character) {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        quoted
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
        are::<Pattern>(&[
            ("device_data-1", "device_data-1"),
            ("{username}", r"\{username\}"),
            (r".*|\Q(a)[b]?+^$#", r"\.\*\|\\Q\(a\)\[b\]\?\+\^\$\#"),
            ("ü", "ü"),
        ]);
    }
}
