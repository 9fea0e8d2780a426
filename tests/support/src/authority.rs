//! Certificate authority for tests, in the place of the one that Crossplane keeps for its functions, or of a cluster's.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Subject names in the server's certificate. Clients verify the first one.
const SERVER: [&str; 2] = ["function.example.org", "127.0.0.1"];

/// First and last year of validity, the default for certificates.
const VALID: (i32, i32) = (2000, 3000);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn generate() -> Self {
        let mut params = CertificateParams::new([]).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let pem = params.self_signed(&key).expect("an authority signs itself").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate of the authority, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Key of the authority, in PEM, for a program that signs with it.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Writes the files that the server reads: its certificate, its key and the authority's certificate.
    pub fn equip(&self, dir: &Path) {
        self.equip_for(dir, VALID);
    }

    /// As [`Self::equip`], with a certificate that is valid between the given years.
    pub fn equip_for(&self, dir: &Path, years: (i32, i32)) {
        self.write(dir, self.issue_for(ExtendedKeyUsagePurpose::ServerAuth, years));
    }

    /// Writes the same files for a client.
    pub fn equip_client(&self, dir: &Path) {
        self.write(dir, self.issue(ExtendedKeyUsagePurpose::ClientAuth));
    }

    fn write(&self, dir: &Path, (certificate, key): (String, String)) {
        for (name, content) in [("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &self.pem)] {
            fs::write(dir.join(name), content).expect("the directory can be written");
        }
    }

    /// TLS client that trusts this authority and presents a certificate issued by it.
    pub fn client(&self) -> ClientTlsConfig {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ClientAuth);
        self.anonymous().identity(Identity::from_pem(certificate, key))
    }

    /// TLS client that trusts this authority and presents no certificate.
    pub fn anonymous(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.pem)).domain_name(SERVER[0])
    }

    /// TLS client that trusts this authority and presents a certificate issued by `other`.
    pub fn stranger(&self, other: &Self) -> ClientTlsConfig {
        let (certificate, key) = other.issue(ExtendedKeyUsagePurpose::ClientAuth);
        self.anonymous().identity(Identity::from_pem(certificate, key))
    }

    fn issue(&self, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        self.issue_for(usage, VALID)
    }

    fn issue_for(&self, usage: ExtendedKeyUsagePurpose, (from, until): (i32, i32)) -> (String, String) {
        let mut params = CertificateParams::new(SERVER.map(str::to_owned)).expect("the names are good ones");
        params.extended_key_usages = vec![usage];
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority signs");
        (certificate.pem(), key.serialize_pem())
    }
}
