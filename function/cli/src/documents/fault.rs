//! Faults in the YAML files that a user passes on the command line, each with its file and line for the message to the
//! user.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::terminal::{self, painted};

/// Fault in a YAML file that a user passes on the command line, with its file and line for the message to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub file: String,
    pub line: Option<usize>,
    /// Kind and name of the claim that has the fault, for the message; `None` for a fault outside of any claim.
    pub claim: Option<String>,
    /// Path of the field that has the fault, as the user's file names the field: a component of an Application has
    /// `properties` in place of `spec`.
    pub field: Option<String>,
    pub message: String,
}

/// Faults or warnings without those that occur again, in the order of their first occurrences.
pub fn once(all: Vec<Located>) -> Vec<Located> {
    let mut once: Vec<Located> = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

impl Located {
    /// Fault of a whole YAML file, without a line number: for example, the file cannot be read.
    pub fn file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, claim: None, field: None, message: message.into() }
    }

    /// Returns this fault of a YAML file, with `field` as the path of the field that has the fault. The message prints
    /// this path.
    #[must_use]
    pub fn at(self, field: String) -> Self {
        Self { field: Some(field), ..self }
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        terminal::write(out, &format!("{}\n", self.text(painted)))
    }

    pub fn text(&self, styled: impl Fn(Style, &str) -> String) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = styled(PLACE, &format!("{}{line}", self.file));
        let claim = self.claim.as_ref().map(|claim| format!("{claim}: ")).unwrap_or_default();
        let field = self.field.as_ref().map(|name| format!("{}: ", styled(FIELD, name))).unwrap_or_default();
        format!("{place}: {claim}{field}{}", self.message)
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|_, text| text.to_owned()))
    }
}

const PLACE: Style = Style::new().bold();
const FIELD: Style = AnsiColor::Red.on_default();
