//! What a person is told beside the preview itself: faults with their place, and warnings.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::gather::NotOurs;
use crate::terminal::{self, painted};

/// A fault, with where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub file: String,
    pub line: Option<usize>,
    /// The claim it is in, by kind and name.
    pub claim: Option<String>,
    /// The field, as the file's author writes it.
    pub field: Option<String>,
    pub message: String,
}

impl Located {
    /// A fault of a file as a whole.
    pub fn file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, claim: None, field: None, message: message.into() }
    }

    /// The same fault, at a field as its author calls it.
    pub fn at(self, field: String) -> Self {
        Self { field: Some(field), ..self }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        terminal::write(out, &format!("{}\n", self.text(painted)))
    }

    fn text(&self, styled: impl Fn(Style, &str) -> String) -> String {
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
const WARNING: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Names what is left out.
pub fn not_ours(others: &[NotOurs], out: &mut impl Write) -> io::Result<()> {
    for other in others {
        terminal::write(out, &format!("{}: {other}\n", painted(NOTE, "not shown")))?;
    }
    Ok(())
}

/// Says what is wrong, everything at once.
pub fn faults(faults: &[Located], out: &mut impl Write) -> io::Result<()> {
    for fault in faults {
        fault.write(out)?;
    }
    let count = faults.len();
    writeln!(out, "{count} {}: nothing is shown until there is none", if count == 1 { "fault" } else { "faults" })
}

/// Says what of a change is refused. The change itself is shown all the same.
pub fn refused(faults: &[Located], out: &mut impl Write) -> io::Result<()> {
    for fault in faults {
        fault.write(out)?;
    }
    match faults.len() {
        0 => Ok(()),
        1 => writeln!(out, "1 change is refused once the claim is there"),
        count => writeln!(out, "{count} changes are refused once the claims are there"),
    }
}

/// Says in how many places a change loses data. The difference has listed each place.
pub fn losses(count: usize, out: &mut impl Write) -> io::Result<()> {
    match count {
        0 => Ok(()),
        1 => writeln!(out, "data is lost in 1 place"),
        count => writeln!(out, "data is lost in {count} places"),
    }
}

pub fn warnings<'a>(warnings: impl IntoIterator<Item = &'a Located>, out: &mut impl Write) -> io::Result<()> {
    for warning in warnings {
        terminal::write(out, &format!("{}: ", painted(WARNING, "warning")))?;
        warning.write(out)?;
    }
    Ok(())
}
