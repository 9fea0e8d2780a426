//! TLS configuration of the gRPC server, from the certificate files of a directory.
//!
//! Crossplane renews the files in place, so they are read again when a connection arrives. If renewed files cannot be
//! used (half written, expired or invalid), the last valid ones stay in use.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor as verify;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig};
use tracing::{info, warn};

use super::metrics::{Metrics, Reload};

/// Shortest interval between two reads of the certificate files, however many connections arrive at the gRPC server.
const PAUSE: Duration = Duration::from_secs(1);

pub struct Certificates {
    dir: PathBuf,
    files: Files,
    config: Arc<ServerConfig>,
    looked: Instant,
    metrics: Arc<Metrics>,
}

impl Certificates {
    pub fn read(dir: &Path, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        let files = Files::read(dir)?;
        let config = files.config(dir)?;
        // A server certificate outside of its validity period is no error when the server starts: no better one exists,
        // and a renewed one may come at any time. Clients decide whether they accept the certificate.
        if let Err(error) = files.check_time(dir) {
            warn!("clients may reject this server's certificate: {error:#}");
        }
        Ok(Self { dir: dir.to_owned(), files, config, looked: Instant::now(), metrics })
    }

    /// TLS configuration for the server's next connection, from renewed certificate files if there are any.
    pub fn current(&mut self) -> Arc<ServerConfig> {
        if self.looked.elapsed() >= PAUSE {
            self.looked = Instant::now();
            match self.renew() {
                Ok(false) => (),
                Ok(true) => {
                    self.metrics.reloaded(Reload::Used);
                    info!("using the renewed certificates");
                }
                Err(error) => {
                    self.metrics.reloaded(Reload::Refused);
                    warn!("cannot use the renewed certificates, the last ones stay in use: {error:#}");
                }
            }
        }
        Arc::clone(&self.config)
    }

    fn renew(&mut self) -> anyhow::Result<bool> {
        let files = Files::read(&self.dir)?;
        if files == self.files {
            return Ok(false);
        }
        let config = files.config(&self.dir)?;
        files.check_time(&self.dir)?;
        self.config = config;
        self.files = files;
        Ok(true)
    }
}

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const CALLERS: &str = "ca.crt";

#[derive(PartialEq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    callers: Vec<u8>,
}

impl Files {
    fn read(dir: &Path) -> anyhow::Result<Self> {
        let read = |name| {
            let path = dir.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self { certificate: read(CERTIFICATE)?, key: read(KEY)?, callers: read(CALLERS)? })
    }

    fn config(&self, dir: &Path) -> anyhow::Result<Arc<ServerConfig>> {
        let unusable = |name| format!("cannot use {}", dir.join(name).display());
        let provider = Arc::new(ring::default_provider());
        let callers = verifier(&self.callers, &provider).with_context(|| unusable(CALLERS))?;
        let chain = certificates(&self.certificate).with_context(|| unusable(CERTIFICATE))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).with_context(|| unusable(KEY))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .context("cannot offer TLS 1.2 and 1.3")?
            .with_client_cert_verifier(callers)
            .with_single_cert(chain, key)
            .with_context(|| unusable(CERTIFICATE))?;
        config.alpn_protocols.push(b"h2".to_vec());
        Ok(Arc::new(config))
    }

    /// Checks that the server's certificate is within its validity period. Clients reject a certificate that is not.
    fn check_time(&self, dir: &Path) -> anyhow::Result<()> {
        let unusable = || format!("cannot use {}", dir.join(CERTIFICATE).display());
        let chain = certificates(&self.certificate).with_context(unusable)?;
        let own = chain.first().map(ParsedCertificate::try_from).context("it holds no PEM certificate")??;
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        // rustls checks the validity period of a certificate before its issuer. This check passes no trusted authority
        // to rustls, so a certificate within its period always fails with an unknown issuer. That error is ignored.
        match verify(&own, &RootCertStore::empty(), &[], UnixTime::now(), algorithms) {
            Err(
                error @ Error::InvalidCertificate(
                    CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. },
                ),
            ) => Err(error).with_context(unusable),
            _ => Ok(()),
        }
    }
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        bail!("it holds no PEM certificate");
    }
    Ok(found)
}

fn verifier(pem: &[u8], provider: &Arc<CryptoProvider>) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(verifier.build()?)
}
