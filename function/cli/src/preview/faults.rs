//! Messages of the command `preview` on standard error: faults with file and line, objects that the preview leaves out,
//! and warnings.

use crate::documents::fault::Located;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::not_ours::NotOurs;
use crate::terminal::{self, painted};

const WARNING: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();

/// Lists the objects in the previewed files that the preview leaves out.
pub fn not_ours(others: &[NotOurs], out: &mut impl Write) -> io::Result<()> {
    for other in others {
        terminal::write(out, &format!("{}: {other}\n", painted(NOTE, "not shown")))?;
    }
    Ok(())
}

/// Prints all faults of the previewed files, and then their number.
pub fn faults(faults: &[Located], out: &mut impl Write) -> io::Result<()> {
    for fault in faults {
        fault.write(out)?;
    }
    let count = faults.len();
    writeln!(out, "{count} {}: nothing is shown until there is none", if count == 1 { "fault" } else { "faults" })
}

/// Prints the changes of claims that a cluster would refuse, and then their number. The output of `preview --diff`
/// shows these changes as well.
pub fn refused(faults: &[Located], out: &mut impl Write) -> io::Result<()> {
    for fault in faults {
        fault.write(out)?;
    }
    match faults.len() {
        0 => Ok(()),
        1 => writeln!(out, "1 change is refused once the claim exists"),
        count => writeln!(out, "{count} changes are refused once the claims exist"),
    }
}

/// Prints the number of data losses that a change of claims causes. The output of `preview --diff` has listed each
/// loss.
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
