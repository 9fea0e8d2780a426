//! Packages, built once for the whole suite and pushed to a registry of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::Duration;

use crate::examples::project;
use crate::registry::{Registry, crane};
use crate::tools::{Scratch, run_within, said, stdout};

pub const FUNCTION: &str = "function-realtime-platform";
pub const CONFIGURATION: &str = "configuration-realtime-platform";
pub const ORGANISATION: &str = "acme";
pub const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// Time limit of a build: two binaries take long without a cache.
const LONG: Duration = Duration::from_mins(50);

/// Exit code of the build if Rust's standard library for a target cannot be obtained.
const UNREACHABLE: i32 = 3;

pub struct Built {
    pub registry: Registry,
    scratch: Scratch,
}

/// Built packages, or `None` after a printed notice if they cannot be built.
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

/// Static binary for an architecture.
pub fn binary(architecture: &str) -> PathBuf {
    let output = run_within(Command::new(project().join("package/binary")).arg(architecture), LONG);
    assert!(output.status.success(), "{}", said(&output));
    PathBuf::from(stdout(&output).trim_end())
}

impl Built {
    /// Builds as [`built`] does, into a registry of its own.
    pub fn new() -> Option<Self> {
        Self::with(Path::new("compositions"))
    }

    /// Builds as [`Self::new`] does, with the platform team's settings in these compositions.
    pub fn with(compositions: &Path) -> Option<Self> {
        let registry = Registry::start();
        let scratch = Scratch::new("packages");
        let mut build = script("build", &registry);
        build.arg(scratch.path()).env("COMPOSITIONS", compositions);
        let output = run_within(&mut build, LONG);
        if output.status.code() == Some(UNREACHABLE) {
            // The test runner captures `eprintln!` of a test that passes.
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

    /// Reference of a pushed package, by tag.
    pub fn reference(&self, package: &str) -> String {
        format!("{}/{ORGANISATION}/{package}:v{}", self.registry.host(), env!("CARGO_PKG_VERSION"))
    }

    /// Reference of a pushed package, by digest.
    pub fn digest(&self, package: &str) -> String {
        let digest = crane(&["digest", &self.reference(package)]);
        format!("{}/{ORGANISATION}/{package}@{digest}", self.registry.host())
    }

    /// Unpacked files of an image in the registry.
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
