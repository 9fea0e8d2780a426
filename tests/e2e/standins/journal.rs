//! What the stand-ins say, in one file, each line with its time and with the word for what they are.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::cluster::now;

pub struct Journal(File);

impl Journal {
    pub fn at(path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path);
        Self(file.expect("the stand-ins' log can be written"))
    }

    pub fn say(&self, what: &str) {
        let _ = writeln!(&self.0, "{} stand-in: {what}", now());
    }
}
