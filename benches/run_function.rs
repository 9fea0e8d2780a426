//! Benchmark of one call and of the server process. The real server is measured with all resources of the real-time
//! system observed as in a settled cluster. Results are written to `docs/benchmark.md`; no figure makes it fail.

#![allow(clippy::expect_used, reason = "a benchmark has no better answer")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded for people")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::RunFunctionRequest;
use prost::Message;
use support::requests::{self, condition, desired, example, first, provider_config, settled, with_environment};
use support::server::{Server, call, program};

const CALLS: usize = 10_000;
const CALLERS: usize = 8;
/// Seconds that a connection lasts: longer than the load, because a client that has to reconnect measures something
/// else.
const ARGS: [&str; 3] = ["--insecure", "--max-connection-age", "3600"];

fn main() {
    let request = request();
    let answer = requests::answer(&request);
    assert!(condition(&answer, "Settled").0, "the system is settled: {}", condition(&answer, "Settled").1);

    let start = start_to_first_answer(&request);
    let server = Server::start(ARGS);
    server.run(request.clone());
    let at_rest = server.resident();
    let (latencies, cpu) = one_by_one(&server, &request);
    let after = server.resident();
    let rate = side_by_side(&server, &request);

    let shipped = std::env::var_os("FUNCTION_BINARY").is_some();
    let mut table =
        if shipped { HEAD.to_owned() } else { HEAD.replace("as it is shipped", "as this machine builds it") };
    let mut row = |what: &str, figure: String, wanted: &str| {
        println!("{what}: {figure}");
        let _ = writeln!(table, "| {what} | {figure} | {wanted} |");
    };
    row("composed resources", desired(&answer).len().to_string(), "few");
    row("request", kibibytes(request.encoded_len()), "");
    row("response", kibibytes(answer.encoded_len()), "at most 256 KiB");
    row("latency, p50", milliseconds(quantile(&latencies, 50)), "");
    row("latency, p99", milliseconds(quantile(&latencies, 99)), "");
    row("CPU for a call", milliseconds(cpu), "at most 2 ms");
    row("calls a second, 8 callers", format!("{rate:.0}"), "");
    row("memory after one call", kibibytes(at_rest), "at most 16 MiB");
    row("memory after 10,000 calls", kibibytes(after), "at most 16 MiB");
    row("start to first answer", milliseconds(start), "at most 30 ms");
    row("preview of 2,000 claims", format!("{:.1} s", preview_of_many().as_secs_f64()), "at most 10 s");
    row("page of 50 Applications (`preview -o html`)", format!("{:.1} s", page_of_many().as_secs_f64()), "at most 5 s");
    row("binary", kibibytes(size(&program())), "");
    for (architecture, file) in images() {
        row(&format!("image to pull, {architecture}"), kibibytes(size(&file)), "at most 6.9 MB");
    }
    let _ = write!(table, "\n{}", machine());
    fs::write(project().join("docs/benchmark.md"), table).expect("the table can be written");
}

const HEAD: &str = "# Benchmark

Written by `cargo bench`, or by `make bench` for the static binary: one `RunFunction` over the server as it is shipped, in plain text on loopback, for the full real-time system of
`examples/health-realtime-pipeline` with every composed resource observed as in a settled cluster, the manifests in its status
included. Client and server share the machine.

| what | measured | wanted |
|---|---|---|
";

fn request() -> RunFunctionRequest {
    let claim = example("health-realtime-pipeline/claims/health-lenses.yaml");
    let environment = provider_config(&example("health-realtime-pipeline/claims/health-streaming-env.yaml"));
    let request = with_environment(first(&claim), Some(&environment));
    let answer = requests::answer(&request);
    settled(request, &answer)
}

/// Duration of a preview of 2000 claims, as a large platform team may have: a third of each kind.
fn preview_of_many() -> Duration {
    let claims: Vec<String> = (0..2000)
        .map(|index| {
            let (place, team) = (format!("platform-{}", index / 3), "metadata: {namespace: team, name: claim-");
            let (kind, spec) = match index % 3 {
                0 => ("VClusterEnvironmentClaim", format!("{{name: {place}}}")),
                1 => (
                    "RealtimeSystemClaim",
                    format!("{{namespace: {place}, lensesConfig: {{acceptEULA: true, licenseSecretRef: {{name: license}}}}}}"),
                ),
                _ => ("IotBrokerClaim", format!("{{namespace: {place}}}")),
            };
            format!("apiVersion: platform.example.org/v1alpha1\nkind: {kind}\n{team}{index}}}\nspec: {spec}\n")
        })
        .collect();
    preview_of(&claims, "tree")
}

/// Duration of a picture of many Applications like the example, each with an environment, a system and a broker.
fn page_of_many() -> Duration {
    let application = fs::read_to_string(project().join("examples/health-realtime-pipeline/application.yaml"));
    let application = application.expect("the example is there");
    let numbered = |index: usize| {
        ["health-streaming", "health-realtime-pipeline", "health-lenses", "health-mqtt"]
            .iter()
            .fold(application.clone(), |text, name| text.replace(name, &format!("{name}-{index}")))
    };
    preview_of(&(0..50).map(numbered).collect::<Vec<_>>(), "html")
}

fn preview_of(documents: &[String], output: &str) -> Duration {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    fs::write(file.path(), documents.join("---\n")).expect("it can be written");
    let since = Instant::now();
    let mut preview = Command::new(program());
    let preview = preview.args(["preview", "-o", output]).arg(file.path()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(preview.status().expect("the program starts").success(), "all of it is valid");
    since.elapsed()
}

/// Median time of eleven starts, each until the first answer.
fn start_to_first_answer(request: &RunFunctionRequest) -> Duration {
    let mut times: Vec<Duration> = (0..11)
        .map(|_| {
            let since = Instant::now();
            let server = Server::start(ARGS);
            server.run(request.clone());
            since.elapsed()
        })
        .collect();
    times.sort();
    quantile(&times, 50)
}

/// Latency of each call, and the server's CPU time for one call.
fn one_by_one(server: &Server, request: &RunFunctionRequest) -> (Vec<Duration>, Duration) {
    let before = cpu_time(server.pid());
    let mut latencies: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let since = Instant::now();
            server.run(request.clone());
            since.elapsed()
        })
        .collect();
    let cpu = cpu_time(server.pid()).saturating_sub(before) / u32::try_from(CALLS).unwrap_or(u32::MAX);
    latencies.sort();
    (latencies, cpu)
}

/// Calls per second with several callers, each on a connection of its own.
fn side_by_side(server: &Server, request: &RunFunctionRequest) -> f64 {
    let since = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (channel, request) = (server.connect(None), request.clone());
            server.spawn(async move {
                for _ in 0..CALLS / CALLERS {
                    call(channel.clone(), request.clone()).await.expect("the function answers");
                }
            })
        })
        .collect();
    while !callers.iter().all(tokio::task::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(1));
    }
    CALLS as f64 / since.elapsed().as_secs_f64()
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

fn kibibytes(bytes: usize) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

/// User and system CPU time that a process has used so far.
fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&field| fields.get(field)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

fn size(file: &Path) -> usize {
    let metadata = fs::metadata(file).expect("what is measured is there");
    usize::try_from(metadata.len()).unwrap_or(usize::MAX)
}

/// Package files with the images, where they have been built. Their content is little more than the compressed binary.
fn images() -> Vec<(&'static str, PathBuf)> {
    let file = |architecture| format!("target/package/function-realtime-platform-{architecture}.xpkg");
    let images = ["amd64", "arm64"].map(|architecture| (architecture, project().join(file(architecture))));
    images.into_iter().filter(|(_, file)| file.exists()).collect()
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("On {cores} cores of {}.\n", model.trim_start_matches(['\t', ':', ' ']))
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
