//! Static file server for one folder, on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Read timeout for the request of a client.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Repository {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repository {
    pub fn serve(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let ended = Arc::new(AtomicBool::new(false));
        let (folder, end) = (folder.to_owned(), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    let folder = folder.clone();
                    thread::spawn(move || answer(&stream, &folder));
                }
            }
        });
        Self { address, ended, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // `accept` blocks until a client connects, so that this connection makes the thread see `ended`.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream, folder: &Path) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let path = request.first().and_then(|line| line.strip_prefix("GET /")?.split([' ', '?']).next());
    let file = path.and_then(|path| inside(folder, path)).and_then(|path| fs::read(path).ok());
    let (status, body) = file.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Path of a file directly in the folder; `None` for hidden files and for paths with a slash, which could leave the
/// folder.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    (!name.contains('/') && !name.starts_with('.')).then(|| folder.join(name))
}
