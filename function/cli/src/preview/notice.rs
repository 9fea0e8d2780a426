//! Notice on a terminal that the command `preview` is at a slow step, erased when the step is done. Nothing is written
//! if standard error is redirected.

use std::io::{self, IsTerminal as _, Write as _};

/// Notice on the terminal that names a slow step of the command `preview`. Dropping the Rust value erases the notice.
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
            // A carriage return and the ANSI sequence `ESC [2K` erase the notice on the terminal. An error is ignored,
            // because a closed terminal has nothing to erase.
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
