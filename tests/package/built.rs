//! The packages, built and pushed to a registry of the suite's own, once for all of it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::Duration;

use crate::support::examples::project;
use crate::support::registry::{Registry, crane};
use crate::support::tools::{Scratch, run_within, said, stdout};

pub const FUNCTION: &str = "function-realtime-platform";
pub const CONFIGURATION: &str = "configuration-realtime-platform";
pub const ORGANISATION: &str = "acme";
pub const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Two binaries take long where none is kept from before.
const LONG: Duration = Duration::from_mins(50);

/// Its exit code where Rust's standard library for a target cannot be had.
const UNREACHABLE: i32 = 3;

pub struct Built {
    pub registry: Registry,
    scratch: Scratch,
}

/// What was built, or nothing where that is impossible, which has been said aloud.
pub fn built() -> Option<&'static Built> {
    static BUILT: LazyLock<Option<Built>> = LazyLock::new(Built::new);
    BUILT.as_ref()
}

/// Runs `package/build` or `package/push`.
pub fn package(script: &str, registry: &Registry, args: &[&str]) -> Output {
    run_within(self::script(script, registry).args(args), LONG)
}

fn script(name: &str, registry: &Registry) -> Command {
    let mut command = Command::new(project().join("package").join(name));
    command.env("REGISTRY", registry.host()).env("ORG", ORGANISATION);
    command
}

/// The static binary for an architecture.
pub fn binary(architecture: &str) -> PathBuf {
    let output = run_within(Command::new(project().join("package/binary")).arg(architecture), LONG);
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(stdout(&output).trim_end())
}

impl Built {
    /// As [`built`], in a registry of its own.
    pub fn new() -> Option<Self> {
        Self::with(Path::new("compositions"))
    }

    /// As [`Self::new`], with the platform team's settings in these compositions.
    pub fn with(compositions: &Path) -> Option<Self> {
        let registry = Registry::start();
        let scratch = Scratch::new("packages");
        let mut build = script("build", &registry);
        build.arg(scratch.path()).env("COMPOSITIONS", compositions);
        let output = run_within(&mut build, LONG);
        if output.status.code() == Some(UNREACHABLE) {
            // A test's own words are kept back where it passes.
            let _ = writeln!(std::io::stderr(), "skipped: {}", said(&output));
            return None;
        }
        assert!(output.status.success(), "{}", said(&output));
        let output = package("push", &registry, &[&scratch.path().display().to_string()]);
        assert!(output.status.success(), "{}", said(&output));
        Some(Self { registry, scratch })
    }

    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where a package was pushed, by its tag.
    pub fn reference(&self, package: &str) -> String {
        format!("{}/{ORGANISATION}/{package}:v{}", self.registry.host(), env!("CARGO_PKG_VERSION"))
    }

    /// Where it was pushed, by its digest.
    pub fn digest(&self, package: &str) -> String {
        let digest = crane(&["digest", &self.reference(package)]);
        format!("{}/{ORGANISATION}/{package}@{digest}", self.registry.host())
    }

    /// The files of an image in the registry, unpacked.
    pub fn files(&self, package: &str, architecture: &str) -> Scratch {
        let scratch = Scratch::new("image");
        let tar = scratch.path().with_extension("tar");
        let platform = format!("--platform=linux/{architecture}");
        crane(&["export", &platform, &self.reference(package), &tar.display().to_string()]);
        let output = run_within(
            Command::new("tar").arg("--extract").arg("--file").arg(&tar).arg("--directory").arg(scratch.path()),
            LONG,
        );
        assert!(output.status.success(), "{}", said(&output));
        fs::remove_file(tar).unwrap();
        scratch
    }
}
