//! Connections: accepted, secured where there are certificates, and ended when their time is up.

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

/// A caller that says nothing must not hold a socket for ever.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// When the process is out of sockets, others must close before another try makes sense.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Takes connections from a listener, until nobody wants them any more.
pub struct Acceptor {
    certificates: Option<Certificates>,
    lifetime: Duration,
    places: Arc<Semaphore>,
}

impl Acceptor {
    /// Further connections than `most` wait where the kernel keeps them, until one ends.
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

    /// Beside the loop, because a slow caller must not hold up the others.
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
                    // Refused only by a server that has stopped: then the caller is to go elsewhere.
                    let _ = connections.send(Ok(connection)).await;
                }
                // Probes that only open the port end here too.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    debug!(%peer, "a caller left before it was secured");
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

/// A byte stream that fails at its end of life, whatever is still said on it.
///
/// The HTTP server asks for a reconnect some time before; tonic's own limit for those who do not listen skips the asking.
pub struct Connection {
    stream: Box<dyn Stream>,
    info: TcpConnectInfo,
    lifetime: Instant,
    /// Whether anything was said on it: until then its end is near.
    spoken: bool,
    end: Pin<Box<Sleep>>,
    /// Immutable until it ends.
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
