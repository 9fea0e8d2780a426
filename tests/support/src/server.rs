//! Process of our server on a free port of loopback, and a client of it.
//!
//! `Server::start(["--insecure"])` returns when the server is ready; dropping it kills the process.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Time limit for a single step on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Environment variable in which Cargo gives test suites the path of the binary.
const BUILT: &str = "CARGO_BIN_EXE_function-realtime-platform";

/// Path of the binary under test. `FUNCTION_BINARY=FILE` replaces it, for example with the shipped one.
pub fn program() -> PathBuf {
    let given = std::env::var_os("FUNCTION_BINARY").or_else(|| std::env::var_os(BUILT));
    given.expect("suites are run by Cargo, which says where the binary is").into()
}

/// Binary under test, without the environment variables that change its behaviour.
pub fn binary() -> Command {
    let mut command = Command::new(program());
    for variable in ["TLS_SERVER_CERTS_DIR", "MAX_RECV_MESSAGE_SIZE", "METRICS_ADDRESS", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command that must end by itself, and returns its output.
pub fn ended(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child can be waited for").is_none() {
        if Instant::now() > deadline {
            // `kill` fails only for a child that has already ended.
            let _ = child.kill();
            panic!("it does not end: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("a child's output can be read")
}

/// Memory limit and environment of our server in a cluster.
pub struct Pod {
    /// Memory limit in bytes.
    pub memory: usize,
    pub environment: Vec<(String, String)>,
}

/// Limit and environment from `package/install/function/runtime.yaml`.
pub fn pod() -> Pod {
    let file = include_str!("../../../package/install/function/runtime.yaml");
    let runtime = serde_yaml::Deserializer::from_str(file).next().map(Value::deserialize);
    let runtime = runtime.expect("it begins with a runtime").expect("it is YAML");
    let container = &runtime["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let text = |value: &Value| value.as_str().expect("it is a text").to_owned();
    let memory = text(&container["resources"]["limits"]["memory"]);
    let mebibytes = memory.strip_suffix("Mi").and_then(|number| number.parse::<usize>().ok());
    let environment = container["env"].as_array().expect("it is a list");
    Pod {
        memory: mebibytes.expect("it is told in MiB") << 20,
        environment: environment.iter().map(|one| (text(&one["name"]), text(&one["value"]))).collect(),
    }
}

/// Options for the start of a server.
pub struct Launch {
    command: Command,
    tls: Option<ClientTlsConfig>,
}

impl Launch {
    pub fn new<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Self {
        Self::of(binary(), args)
    }

    /// As [`Self::new`], for another program of this project, with the environment of the pod.
    pub fn of<I: IntoIterator<Item: AsRef<OsStr>>>(mut command: Command, args: I) -> Self {
        command.envs(pod().environment);
        command.args(["--address", "127.0.0.1:0"]).args(args);
        command.env("METRICS_ADDRESS", "127.0.0.1:0");
        Self { command, tls: None }
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the certificates of the client that [`Server`] uses for its own calls.
    #[must_use]
    pub fn tls(mut self, tls: ClientTlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    pub fn start(mut self) -> Server {
        let mut child = self.command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = Log::follow(child.stderr.take().expect("stderr is piped"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the client");
        // Dropping `Server` kills the child, also if one of the next steps panics.
        let mut server = Server { process: Process { child, log }, runtime, address: None, channel: None };
        let address = server.process.log.address("serving gRPC");
        server.address = Some(address);
        server.channel = Some(server.connect(self.tls));
        server.wait_until_serving();
        server
    }
}

pub struct Server {
    process: Process,
    runtime: Runtime,
    address: Option<SocketAddr>,
    channel: Option<Channel>,
}

impl Server {
    pub fn start<I: IntoIterator<Item: AsRef<OsStr>>>(args: I) -> Self {
        Launch::new(args).start()
    }

    pub fn run(&self, request: RunFunctionRequest) -> RunFunctionResponse {
        self.try_run(request).expect("the function answers")
    }

    pub fn try_run(&self, request: RunFunctionRequest) -> Result<RunFunctionResponse, Status> {
        self.block_on(call(self.channel(), request))
    }

    /// Runs a future with a time limit of two minutes, so that a blocked test fails.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let patient = async { tokio::time::timeout(2 * PATIENCE, future).await };
        self.runtime.block_on(patient).expect("it ends within two minutes")
    }

    pub fn spawn<F: Future<Output: Send> + Send + 'static>(&self, future: F) -> tokio::task::JoinHandle<F::Output> {
        self.runtime.spawn(future)
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone().expect("the server has started")
    }

    pub fn address(&self) -> SocketAddr {
        self.address.expect("the server has started")
    }

    pub fn metrics_address(&self) -> SocketAddr {
        self.process.log.address("serving metrics")
    }

    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// Peak resident memory in bytes.
    pub fn most_resident(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, what: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
        let kibibytes = line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok());
        kibibytes.expect("the kernel tells it in numbers") << 10
    }

    /// Another connection, opened by its first call.
    pub fn connect(&self, tls: Option<ClientTlsConfig>) -> Channel {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{}", self.address()))
            .expect("an address is a URI")
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE);
        if let Some(tls) = tls {
            endpoint = endpoint.tls_config(tls).expect("the client's certificates are good");
        }
        self.block_on(async { endpoint.connect_lazy() })
    }

    pub fn metrics(&self) -> String {
        get(self.metrics_address(), "/metrics")
    }

    /// Value of one metric series, named with its labels as on the metrics page.
    pub fn count(&self, series: &str) -> Option<u64> {
        let page = self.metrics();
        let count = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        count.map(|count| count.parse().expect("a counter counts in whole numbers"))
    }

    /// All lines logged so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log.lines()
    }

    /// Waits for a log line that contains `words`, and returns it.
    pub fn await_log(&self, words: &str) -> String {
        self.process.log.line(words)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a child has a pid");
        kill_process(pid, signal).expect("the child is there");
    }

    /// Waits until the process has ended by itself.
    pub fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not end; its log:\n{}", self.log().join("\n"));
    }

    fn wait_until_serving(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.block_on(health(self.channel(), "")) {
                Ok(ServingStatus::Serving) => return,
                Ok(_) | Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                other => panic!("the server does not serve: {other:?}; its log:\n{}", self.log().join("\n")),
            }
        }
    }
}

pub async fn call(channel: Channel, request: RunFunctionRequest) -> Result<RunFunctionResponse, Status> {
    let mut client = FunctionRunnerServiceClient::new(channel).max_decoding_message_size(usize::MAX);
    Ok(client.run_function(request).await?.into_inner())
}

pub async fn health(channel: Channel, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(HealthClient::new(channel).check(request).await?.into_inner().status())
}

/// Body of an HTTP page. Panics on another status than 200. The request is of HTTP 1.0, whose answers are not cut into
/// chunks.
pub fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the page's port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers in text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert_eq!(head.split(' ').nth(1), Some("200"), "{head}");
    body.to_owned()
}

/// Child process that is killed when dropped.
struct Process {
    child: Child,
    log: Log,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both calls fail only for a child that has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of the server's stderr. A thread reads them at once, so that a full pipe never blocks the server.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn follow(stderr: ChildStderr) -> Self {
        let log = Self(Arc::default());
        let lines = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.0.lock().expect("nobody panics holding the log").push(line);
            }
        });
        log
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics holding the log").clone()
    }

    fn line(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(line) = self.lines().into_iter().find(|line| line.contains(words)) {
                return line;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the server never says {words:?}; its log:\n{}", self.lines().join("\n"));
    }

    /// Address in a log line, in JSON or in the format for people.
    fn address(&self, message: &str) -> SocketAddr {
        let line = self.line(message);
        let rest = line.split_once("address").map(|(_, rest)| rest.trim_start_matches(['"', ':', '=']));
        let address = rest.and_then(|rest| rest.split(['"', ' ']).next());
        address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {line}"))
    }
}
