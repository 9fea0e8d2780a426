//! Fuzz test of the real server: legal requests with changes, huge requests, and bytes that are no request. A plain
//! `cargo test` runs it for some seconds; `make fuzz REQUESTS=1000000` sends that many requests and writes a row of
//! docs/fuzz.md.
//!
//! `SEED=N` changes the random sequence. A request that fails is kept in target/tmp; `AGAIN=FILE` sends it again.

mod dice;
mod judge;
mod largest;
mod mutate;
mod seeds;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use prost::bytes::Bytes;
use support::wire;
use tokio::task::JoinHandle;

use dice::Dice;
use judge::{Judge, Tally};
use mutate::{What, mutant};
use seeds::{Seed, seeds};
use support::server::{Launch, Server, pod};

/// Duration of a plain run.
const SOME_TIME: Duration = Duration::from_secs(15);

/// Bytes that may stay in memory: allocator and connections keep them for later calls.
const STAYS: usize = 32 << 20;

const CALLERS: u64 = 8;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

fn launched() -> Server {
    // The server logs no line for each call, because all lines are kept in case of a failure.
    let log = "error,realtime_platform_grpc::serve=info,realtime_platform_grpc::serve::call=error";
    Launch::new(["--insecure", "--max-connection-age", "86400"]).env("RUST_LOG", log).start()
}

#[test]
fn the_server_stands_whatever_it_is_sent() {
    let (wanted, seed) = (number("REQUESTS"), number("SEED").unwrap_or(15));
    let server = launched();
    let seeds: Arc<Vec<Seed>> = Arc::new(seeds());
    if let Some(file) = std::env::var_os("AGAIN") {
        return again(&server, &std::fs::read(file).unwrap().into());
    }
    // Every legal request is sent once first, so that memory that the server always keeps is allocated before the
    // measurement.
    for seed in seeds.iter() {
        let channel = server.channel();
        server.block_on(wire::call(channel, seed.encode(|_| true).into())).unwrap();
    }
    let before = server.resident();
    let since = Instant::now();
    let sent = Arc::new(AtomicU64::new(0));
    let callers: Vec<JoinHandle<Tally>> = (0..CALLERS)
        .map(|caller| {
            let judge = Judge::new(server.connect(None));
            let is_over = {
                let sent = Arc::clone(&sent);
                move || match wanted {
                    Some(wanted) => sent.load(Ordering::Relaxed) >= wanted,
                    None => since.elapsed() > SOME_TIME,
                }
            };
            server.spawn(send(
                judge,
                Arc::clone(&seeds),
                Dice::new(seed.wrapping_mul(1000) + caller),
                Arc::clone(&sent),
                is_over,
            ))
        })
        .collect();
    let (mut early, mut told) = (None, Instant::now());
    while !callers.iter().all(JoinHandle::is_finished) {
        sleep(Duration::from_millis(100));
        let done = sent.load(Ordering::Relaxed);
        if early.is_none() && wanted.is_some_and(|wanted| done > wanted / 10) {
            early = Some(server.resident());
        }
        if told.elapsed() > Duration::from_mins(1) {
            told = Instant::now();
            eprintln!("{done} requests, {} MiB resident", server.resident() >> 20);
        }
    }
    let mut tally = Tally::default();
    for caller in callers {
        tally.add(server.block_on(caller).unwrap());
    }
    let took = since.elapsed();
    let after = settled(&server, &seeds, before);
    let most = server.most_resident();
    table::tell(&tally, took, [before, most, after], (wanted, seed));

    assert!(tally.faults.is_empty(), "{}", tally.faults.join("\n"));
    assert_eq!(server.count("function_panics_total"), Some(0));
    assert!(most < pod().memory, "{} MiB were resident", most >> 20);
    assert!(after < before + STAYS, "{} MiB resident before, {} after", before >> 20, after >> 20);
    if let Some(early) = early {
        assert!(after < early.max(before) + STAYS / 2, "{} MiB after a tenth, {} in the end", early >> 20, after >> 20);
    }
    for what in [What::Legal, What::Observed, What::Claim, What::Flood, What::Wire, What::Noise] {
        // Some kinds are drawn only once in hundreds of requests.
        assert!(tally.of(what) > 0 || tally.sent < 5_000, "nothing of {what:?} was sent");
    }
    assert!(tally.answered > tally.sent / 4, "of {} requests only {} were answered", tally.sent, tally.answered);
}

async fn send(
    mut judge: Judge,
    seeds: Arc<Vec<Seed>>,
    mut dice: Dice,
    sent: Arc<AtomicU64>,
    is_over: impl Fn() -> bool,
) -> Tally {
    while !is_over() && judge.goes_on() {
        let (mutant, seed) = mutant(&seeds, &mut dice);
        let count = judge.judge(mutant, seed, &mut dice).await;
        sent.fetch_add(count, Ordering::Relaxed);
    }
    judge.tally
}

/// Resident memory after the load. The allocator returns memory during later calls, so up to 30 calls follow.
fn settled(server: &Server, seeds: &[Seed], enough: usize) -> usize {
    let mut least = usize::MAX;
    for _ in 0..30 {
        server.block_on(wire::call(server.channel(), seeds[0].encode(|_| true).into())).unwrap();
        least = least.min(server.resident());
        if least <= enough {
            break;
        }
        sleep(Duration::from_millis(500));
    }
    least
}

fn again(server: &Server, request: &Bytes) {
    let answer = server.block_on(wire::call(server.channel(), request.clone()));
    println!("{} bytes: {:?}", request.len(), answer.map(|answer| judge::in_short(&answer)));
    assert_eq!(server.count("function_panics_total"), Some(0));
}
