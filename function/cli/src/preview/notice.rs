//! Tells a person at a terminal what is waited for, and takes it back when it is there. Whoever redirects what is said
//! gets none of it, and nothing here knows what is being done.

use std::io::{self, IsTerminal as _, Write as _};

/// What is waited for, on a line of its own, until this is dropped.
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
            // To the line's beginning, and clear it. A terminal that is gone has nothing to clear.
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
