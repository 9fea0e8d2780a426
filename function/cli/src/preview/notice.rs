//! Notice about a slow step for a person at a terminal, cleared when the step is done. Nothing is written to a
//! redirected standard error.

use std::io::{self, IsTerminal as _, Write as _};

/// Line on the terminal that names a slow step, until this value is dropped.
pub struct Notice {
    is_shown: bool,
}

impl Notice {
    pub fn of(what: &str) -> Self {
        let mut terminal = io::stderr().lock();
        let is_shown = terminal.is_terminal() && write!(terminal, "{what} …").and_then(|()| terminal.flush()).is_ok();
        Self { is_shown }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        if self.is_shown {
            // Carriage return, then the control sequence that erases the line. An error is ignored, because a closed
            // terminal has nothing to erase.
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
