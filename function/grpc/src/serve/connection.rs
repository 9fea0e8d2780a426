//! Connections to the gRPC server and to its metrics: accepted, secured by TLS if there are certificates, and closed at
//! the end of their lifetime.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::{debug, warn};

use super::certificates::Certificates;

/// Time limit for the TLS handshake of a client, and for the client's first byte: a silent client must not hold a
/// socket for ever.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause between a failed attempt to accept a connection and the next attempt. If the process has run out of sockets,
/// another connection has to close first.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Acceptor of connections from a listening socket. It passes the connections to the server until the server takes no
/// more.
pub struct Acceptor {
    certificates: Option<Certificates>,
    lifetime: Duration,
    places: Arc<Semaphore>,
}

impl Acceptor {
    /// Acceptor of at most `most` connections at once, each for `lifetime`. Further connections wait in the kernel
    /// until one ends.
    pub fn new(certificates: Option<Certificates>, lifetime: Duration, most: usize) -> Self {
        Self { certificates, lifetime, places: Arc::new(Semaphore::new(most)) }
    }

    pub async fn run(mut self, listener: TcpListener, connections: mpsc::Sender<io::Result<Connection>>) {
        loop {
            let accepted = tokio::select! {
                () = connections.closed() => return,
                accepted = self.accept(&listener) => accepted,
            };
            match accepted {
                Ok((place, stream, peer)) => self.admit(place, stream, peer, connections.clone()),
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
                    sleep(OUT_OF_SOCKETS).await;
                }
            }
        }
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        Ok((place, stream, peer))
    }

    /// Secures an accepted connection by TLS in a task of its own, so that a slow client does not delay other clients.
    fn admit(
        &mut self,
        place: OwnedSemaphorePermit,
        stream: TcpStream,
        peer: SocketAddr,
        connections: mpsc::Sender<io::Result<Connection>>,
    ) {
        let tls = self.certificates.as_mut().map(Certificates::current);
        let end = Instant::now() + self.lifetime;
        tokio::spawn(async move {
            match secure(stream, tls.map(TlsAcceptor::from)).await {
                Ok((stream, info)) => {
                    let connection = Connection::new(stream, info, end, place);
                    // Passing on an accepted connection fails only after the server has stopped. The connection closes,
                    // and the client connects to another replica of the function.
                    let _ = connections.send(Ok(connection)).await;
                }
                // A probe that only opens the port of the server ends the TLS handshake with an unexpected end of the
                // stream too, so the log has that error at debug level, not as a warning.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    debug!(%peer, "a client closed its connection before the TLS handshake ended");
                }
                Err(error) => warn!(%peer, "refused a caller: {error}"),
            }
        });
    }
}

async fn secure(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<(Box<dyn Stream>, TcpConnectInfo)> {
    stream.set_nodelay(true)?;
    let info = stream.connect_info();
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(timeout(HANDSHAKE, tls.accept(stream)).await??),
    };
    Ok((stream, info))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Byte stream of a client's connection. The stream fails at the end of the connection's lifetime, even in the middle
/// of a message.
///
/// By tonic's setting `max_connection_age`, the server asks the client to reconnect before the lifetime ends. tonic's
/// setting `max_connection_age_grace`, which also ends a connection, is not used: with it, tonic closes the connection
/// without asking the client.
pub struct Connection {
    stream: Box<dyn Stream>,
    info: TcpConnectInfo,
    lifetime: Instant,
    /// Whether the client of the connection has sent anything. The time limit `HANDSHAKE` applies to a client that has
    /// sent nothing yet.
    spoken: bool,
    end: Pin<Box<Sleep>>,
    /// Permit of this connection in the limit for the number of connections, free again when the connection is dropped.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: Box<dyn Stream>, info: TcpConnectInfo, end: Instant, place: OwnedSemaphorePermit) -> Self {
        let first = Box::pin(sleep_until(end.min(Instant::now() + HANDSHAKE)));
        Self { stream, info, end: first, spoken: false, lifetime: end, _place: place }
    }

    fn check_age(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_age(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if !self.spoken && buffer.filled().len() > before {
            self.spoken = true;
            let lifetime = self.lifetime;
            self.end.as_mut().reset(lifetime);
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_age(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_age(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_age(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
