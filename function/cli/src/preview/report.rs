//! What a person is told beside the preview itself: faults with their place, and warnings.

use crate::documents::located::Located;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::gather::NotOurs;
use crate::terminal::{self, painted};

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
