//! gRPC server around a composition function: transport, limits, health, reflection, metrics, and a graceful stop.
//!
//! The server is the same for every composition function.

mod address;
mod args;
mod call;
mod certificates;
mod connection;
mod count;
mod metrics;

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use function_sdk_rust::logging;
use function_sdk_rust::proto::FILE_DESCRIPTOR_SET;
use function_sdk_rust::proto::v1::function_runner_service_server::SERVICE_NAME;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

pub use args::{Address, Args, Optional, Size, Transport};

use crate::protocol::{Flow, RunFunction, Service};
use call::Calls;
use certificates::Certificates;
use connection::Acceptor;
use metrics::Metrics;

/// Largest number of worker threads of the gRPC server. One call takes about a millisecond, so more threads only take
/// memory.
const MOST_WORKERS: usize = 4;

/// Flow-control window of a gRPC call: the number of bytes that a client may send before the server reads them. It is
/// enough for most requests as a whole, while the default stops a client every 64 KiB.
const WINDOW: u32 = 256 << 10;

/// Largest number of calls on one gRPC connection at once; Crossplane queues further ones. The flow-control window of a
/// connection is large enough for all of its calls, so that calls that wait for memory never block the data of the
/// others.
const STREAMS: u32 = 8;

/// Largest number of gRPC connections to the server at once. Each replica of Crossplane opens one.
const MOST_CONNECTIONS: usize = 12;

/// Largest number of connections to the metrics page at once: from Prometheus, the kubelet, and any other client that
/// reaches the port. `PAGE_AGE` is the age of a connection at which the server asks the client to reconnect.
const MOST_READERS: usize = 64;
const PAGE_AGE: Duration = Duration::from_mins(5);

/// Number of requests of the largest accepted size that the server has in memory at once. Smaller requests share that
/// memory.
const LONGEST_AT_ONCE: usize = 2;

/// Time limit for a request to arrive as a whole: a half-sent request must not keep its share of the server's memory.
const PATIENCE: Duration = Duration::from_secs(20);

/// Interval between HTTP/2 pings of the server on a connection; `PONG` is the time limit for the client's reply to a
/// ping.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(10);

/// Largest number of accepted connections that are queued until the server takes them.
const BACKLOG: usize = 16;

/// Runs the gRPC server as the only task of this process, and sets up the process's threads, log and panic hook.
pub fn run<F: RunFunction>(function: F, args: &Args) -> anyhow::Result<()> {
    logging::configure(args.debug);
    call::log_panics();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.min(MOST_WORKERS))
        // Each call of the composition function is answered on a blocking thread. The number of these threads is at
        // most the number of cores: more threads would answer no call sooner, and each call in progress holds memory.
        .max_blocking_threads(workers.min(MOST_WORKERS))
        .enable_all()
        .build()
        .context("cannot start the server's threads")?
        .block_on(serve(function, args))
}

/// Serves gRPC until the process receives SIGTERM or SIGINT, then lets the calls in progress finish.
pub async fn serve<F: RunFunction>(function: F, args: &Args) -> anyhow::Result<()> {
    let mut stop = Stop::install()?;
    let metrics = Arc::new(Metrics::default());
    let certificates = match args.transport()? {
        Transport::Plain => None,
        Transport::MutualTls(dir) => Some(Certificates::read(dir, Arc::clone(&metrics))?),
    };
    let secure = certificates.is_some();

    let listener = args.address.listen().await.context("cannot serve gRPC")?;
    let address = listener.local_addr().context("cannot serve gRPC")?;
    serve_metrics(args, &metrics).await;

    let age = Duration::from_secs(args.max_connection_age.into());
    let grace = Duration::from_secs(args.grace.into());
    let (sender, connections) = mpsc::channel(BACKLOG);
    tokio::spawn(Acceptor::new(certificates, age + grace, MOST_CONNECTIONS).run(listener, sender));

    let (health, routes) = routes(function, args, &metrics).await?;
    let (stopping, stopped) = oneshot::channel();
    info!(%address, tls = secure, "serving gRPC");
    let mut builder = Server::builder()
        .max_connection_age(age)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(PING))
        .http2_keepalive_timeout(Some(PONG))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW);
    let serving =
        builder.add_routes(routes).serve_with_incoming_shutdown(ReceiverStream::new(connections), async move {
            stop.asked().await;
            info!("stopping: no new connections, calls in progress finish");
            say_goodbye(health).await;
            // The channel that reports the stop of the server loses its receiver only after serving has ended, so a
            // failed send does not matter.
            let _ = stopping.send(stop);
        });
    let out_of_time = async {
        match stopped.await {
            Ok(mut stop) => tokio::select! {
                () = tokio::time::sleep(grace) => (),
                () = stop.asked() => (),
            },
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving => served.context("cannot serve gRPC")?,
        () = out_of_time => warn!("stopping: calls in progress are cut off"),
    }
    Ok(())
}

/// gRPC services of the server (the composition function, health and reflection), and the handle by which the server
/// reports its health.
async fn routes<F: RunFunction>(
    function: F,
    args: &Args,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<(HealthReporter, Routes)> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status(SERVICE_NAME, ServingStatus::Serving).await;
    let limit = args.max_recv_message_size;
    let flow = Flow::new(limit.0, LONGEST_AT_ONCE, PATIENCE);
    let function = Service::new(Calls::new(function, Arc::clone(metrics)), limit.0, flow);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(function)
        .add_service(health_service)
        .add_service(reflection().build_v1().context("cannot describe the service")?)
        .add_service(reflection().build_v1alpha().context("cannot describe the service")?);
    let counted = count::layer(routes.into_axum_router(), Arc::clone(metrics), limit);
    Ok((health, counted.into()))
}

/// Reports to the watchers of the gRPC health service that the server stops, and ends their streams, which never end by
/// themselves.
async fn say_goodbye(mut health: HealthReporter) {
    for service in ["", SERVICE_NAME] {
        health.set_service_status(service, ServingStatus::NotServing).await;
        health.clear_service_status(service).await;
    }
}

/// Serves the metrics of the gRPC server over HTTP. If the port for the metrics is in use, the server logs a warning
/// and serves without metrics, because answers to Crossplane matter more.
async fn serve_metrics(args: &Args, metrics: &Arc<Metrics>) {
    let Some(address) = &args.metrics_address.0 else {
        return;
    };
    match address.listen().await {
        Ok(listener) => {
            if let Ok(address) = listener.local_addr() {
                info!(%address, "serving metrics");
            }
            tokio::spawn(serve_page(listener, Arc::clone(metrics)));
        }
        Err(error) => {
            warn!("cannot serve metrics: {error:#}; set --metrics-address, or make it empty");
        }
    }
}

async fn serve_page(listener: TcpListener, metrics: Arc<Metrics>) {
    let (sender, connections) = mpsc::channel(BACKLOG);
    tokio::spawn(Acceptor::new(None, 2 * PAGE_AGE, MOST_READERS).run(listener, sender));
    let served = Server::builder()
        .accept_http1(true)
        .max_connection_age(PAGE_AGE)
        .max_concurrent_streams(1)
        .add_routes(metrics::page(metrics).into())
        .serve_with_incoming(ReceiverStream::new(connections))
        .await;
    if let Err(error) = served {
        warn!("cannot serve metrics: {error}");
    }
}

/// Signals of the operating system that stop the gRPC server: SIGTERM and SIGINT.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn install() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}
