//! Transparency log and TUF repository of the suite. Crossplane accepts no signature without a log entry, and loads
//! trusted keys when it starts. The public instances cannot be reached from here, and must not receive signatures of a
//! test.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PublicKeyData as _};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::package::trust;
use support::tools::{Scratch, command, succeed};

pub struct Log {
    scratch: Scratch,
    id: String,
}

impl Log {
    pub fn new() -> Self {
        let scratch = Scratch::new("log");
        trust::keys(&scratch);
        let key = KeyPair::generate().unwrap();
        let id = hex(&key.subject_public_key_info());
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&key).unwrap().pem();
        let files = [("log.key", key.serialize_pem()), ("log.pub", key.public_key_pem()), ("root.pem", certificate)];
        for (name, content) in files {
            fs::write(scratch.path().join(name), content).unwrap();
        }
        let this = Self { scratch, id };
        this.publish();
        this
    }

    /// Publishes a certificate authority as a TUF repository, which `cosign` and Crossplane read from its folder.
    fn publish(&self) {
        let repository = self.file("repository");
        let tuf = |args: &[&str]| {
            let mut tuf = command("tuf");
            tuf.arg("--dir").arg(&repository).arg("--insecure-plaintext").args(args);
            succeed(&mut tuf);
        };
        tuf(&["init", "--consistent-snapshot=false"]);
        for role in ["root", "targets", "snapshot", "timestamp"] {
            tuf(&["gen-key", role]);
        }
        let staged = repository.join("staged/targets");
        fs::create_dir_all(&staged).unwrap();
        fs::copy(self.file("root.pem"), staged.join("authority.pem")).unwrap();
        tuf(&["add", r#"--custom={"sigstore":{"usage":"Fulcio","status":"Active"}}"#, "authority.pem"]);
        for step in ["snapshot", "timestamp", "commit"] {
            tuf(&[step]);
        }
        let published = repository.join("repository");
        let mut initialize = command("cosign");
        initialize.arg("initialize").arg(format!("--mirror=file://{}", published.display()));
        initialize.arg("--root").arg(published.join("root.json"));
        // Folder that Crossplane reads, below its package cache.
        succeed(initialize.env("TUF_ROOT", self.file("packages/.sigstore/root")));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// Environment variables that make a verifier trust this log, and a certificate authority that has signed nothing.
    pub fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("SIGSTORE_REKOR_PUBLIC_KEY", self.file("log.pub")),
            ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", self.file("log.pub")),
            ("XPKG_CACHE_DIR", self.file("packages")),
        ]
    }

    /// Public key of the signatures that the log accepts.
    pub fn public_key(&self) -> String {
        self.read("cosign.pub")
    }

    /// Signs an image, records the signature in the log, and attaches the log's receipt.
    pub fn sign(&self, image: &str) {
        let mut sign = command("cosign");
        sign.args(["sign", "--yes", "--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"]);
        sign.args(["--upload=false", "--output-signature"]).arg(self.file("signature"));
        sign.arg("--output-payload").arg(self.file("payload")).arg("--key").arg(self.file("cosign.key"));
        succeed(sign.arg(image).env("COSIGN_PASSWORD", ""));
        fs::write(self.file("receipt"), self.receipt()).unwrap();
        let mut attach = command("cosign");
        attach.args(["attach", "signature", "--payload"]).arg(self.file("payload"));
        attach.arg("--signature").arg(self.file("signature")).arg("--rekor-response").arg(self.file("receipt"));
        succeed(attach.arg(image));
    }

    fn receipt(&self) -> String {
        let hash = hex(&fs::read(self.file("payload")).unwrap());
        let signature = self.read("signature");
        let entry = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hash}},
                "signature": {
                    "content": signature.trim(),
                    "publicKey": {"content": self.base64(self.public_key().as_bytes())},
                },
            },
        });
        // The signature covers this JSON with sorted keys.
        let payload = json!({
            "body": self.base64(entry.to_string().as_bytes()),
            "integratedTime": 1_750_000_000,
            "logID": self.id,
            "logIndex": 1,
        });
        let receipt = json!({"SignedEntryTimestamp": self.signed(&payload.to_string()), "Payload": payload});
        json!({"base64Signature": signature.trim(), "rekorBundle": receipt}).to_string()
    }

    fn signed(&self, text: &str) -> String {
        fs::write(self.file("text"), text).unwrap();
        let mut sign = Command::new("openssl");
        sign.args(["dgst", "-sha256", "-sign"]).arg(self.file("log.key")).arg("-out").arg(self.file("text.signature"));
        succeed(sign.arg(self.file("text")));
        self.base64(&fs::read(self.file("text.signature")).unwrap())
    }

    fn base64(&self, bytes: &[u8]) -> String {
        fs::write(self.file("bytes"), bytes).unwrap();
        succeed(Command::new("openssl").args(["base64", "-A", "-in"]).arg(self.file("bytes")))
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
