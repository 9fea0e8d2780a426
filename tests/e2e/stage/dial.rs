//! Stands in for the host's name service and kube-proxy: nothing here makes the name of the function's Service reachable.
//! Crossplane calls the function by that name, through a proxy, and this is the proxy: it connects each call to one of the
//! function's processes, which end the encryption themselves.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Who answers under the Service's name.
#[derive(Clone, Default)]
pub struct Endpoints {
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    next: Arc<AtomicUsize>,
}

impl Endpoints {
    pub fn set(&self, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().unwrap() = addresses;
    }

    /// A connection to the next one that takes it.
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
    /// Listens until the process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let endpoints = Endpoints::default();
        let known = endpoints.clone();
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let endpoints = known.clone();
                // Whoever hangs up is gone, which is nobody else's business.
                thread::spawn(move || drop(serve(caller, &endpoints)));
            }
        });
        Self { address, endpoints }
    }

    /// What a Go program has to be told to call through here what is not on loopback.
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
    // A caller waits for the answer to its request before it says more, so that nothing of it is left in the reader.
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

/// One way, until either end hangs up.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    // Both fail only for a connection that is gone already.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
