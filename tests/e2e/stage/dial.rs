//! HTTP proxy in the place of the host's DNS and kube-proxy, so that Crossplane can call the function by the name of
//! its Service. The proxy connects each call to one of the function's processes; TLS ends in those processes.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Addresses behind the name of the Service.
#[derive(Clone, Default)]
pub struct Endpoints {
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    next: Arc<AtomicUsize>,
}

impl Endpoints {
    pub fn set(&self, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().unwrap() = addresses;
    }

    /// Connects to the next address, round robin, and passes over those that refuse.
    fn connect(&self) -> Option<TcpStream> {
        let addresses = self.addresses.lock().unwrap().clone();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..addresses.len()).find_map(|step| TcpStream::connect(addresses[(first + step) % addresses.len()]).ok())
    }
}

pub struct Dial {
    address: SocketAddr,
    pub endpoints: Endpoints,
}

impl Dial {
    /// Starts the proxy; it listens until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let endpoints = Endpoints::default();
        let known = endpoints.clone();
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let endpoints = known.clone();
                // An error means that one side closed the connection; no other call is affected.
                thread::spawn(move || drop(serve(caller, &endpoints)));
            }
        });
        Self { address, endpoints }
    }

    /// Environment variable that makes a Go program use this proxy for addresses that are not on loopback.
    pub fn variable(&self) -> (&'static str, String) {
        ("HTTPS_PROXY", format!("http://{}", self.address))
    }
}

fn serve(mut caller: TcpStream, endpoints: &Endpoints) -> io::Result<()> {
    let mut head = String::new();
    let mut lines = BufReader::new(caller.try_clone()?);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    // A client sends nothing after CONNECT until the proxy has answered, so that the buffered reader holds no further
    // bytes.
    let answering = head.starts_with("CONNECT ").then(|| endpoints.connect()).flatten();
    let Some(answering) = answering else {
        return caller.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
    };
    caller.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (from, to) = (caller.try_clone()?, answering.try_clone()?);
    let back = thread::spawn(move || carry(&answering, &caller));
    carry(&from, &to);
    back.join().map_err(|_| io::Error::other("the way back broke"))
}

/// Copies bytes in one direction until either side closes the connection.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    // Errors are ignored: a failed copy means that the connection broke, and `shutdown` fails only for a closed one.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
