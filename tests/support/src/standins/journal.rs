//! Log of all stand-ins in one file. Each line has its time and the word `stand-in`.

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
