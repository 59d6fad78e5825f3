//! Certificates for the tests, made as they are needed: an authority, servers and clients of it, and odd ones; and how
//! both sides are set up with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockpulse::tls::Options;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate and its key, as if it were a server's.
    pub(crate) fn as_server(&self) -> Pair {
        Pair { cert: self.0.pem(), key: self.0.key().serialize_pem() }
    }

    /// For a server that has these names.
    pub(crate) fn server(&self, names: &[&str]) -> Pair {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth, |_| ())
    }

    /// For a client.
    pub(crate) fn client(&self) -> Pair {
        self.sign(&["client"], ExtendedKeyUsagePurpose::ClientAuth, |_| ())
    }

    /// For `localhost`, with something that is odd.
    pub(crate) fn odd(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        self.sign(&["localhost"], ExtendedKeyUsagePurpose::ServerAuth, change)
    }

    fn sign(
        &self,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let (mut params, key) = (leaf(names), KeyPair::generate().unwrap());
        params.extended_key_usages = vec![usage];
        change(&mut params);
        pair(&params.signed_by(&key, &self.0).unwrap(), &key)
    }
}

fn leaf(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names[0]);
    params
}

fn pair(certificate: &Certificate, key: &KeyPair) -> Pair {
    Pair { cert: certificate.pem(), key: key.serialize_pem() }
}

/// A certificate that nobody but itself vouches for.
pub(crate) fn self_signed(names: &[&str]) -> Pair {
    let key = KeyPair::generate().unwrap();
    pair(&leaf(names).self_signed(&key).unwrap(), &key)
}

/// It was good until the end of the year 2001.
pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2001, 12, 31);
}

/// It will be good from 2999 on.
pub(crate) fn not_yet(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2999, 1, 1);
    params.not_after = date_time_ymd(2999, 12, 31);
}

/// It is for clients.
pub(crate) fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// Writes a file, and gives its path.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// How a server speaks TLS that shows `own`; it lets clients of an authority in, by that one's certificate, or everybody.
pub(crate) fn server_config(
    own: &Pair,
    clients: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let chain = CertificateDer::pem_slice_iter(own.cert.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(judge)
        }
    };
    builder.with_single_cert(chain, key).unwrap()
}

/// The files of a client in a folder.
pub(crate) struct Files(TempDir);

impl Files {
    /// It believes in this authority.
    pub(crate) fn new(ca: &Authority) -> Self {
        Self::believing(&ca.pem())
    }

    /// It believes in this certificate.
    pub(crate) fn believing(ca: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "ca.pem", ca);
        Self(folder)
    }

    /// It shows this one.
    pub(crate) fn with(self, pair: &Pair) -> Self {
        write(self.folder(), "cert.pem", &pair.cert);
        write(self.folder(), "key.pem", &pair.key);
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// With those that there are.
    pub(crate) fn options(&self) -> Options {
        let there = |name: &str| Some(self.folder().join(name)).filter(|path| path.exists());
        Options {
            ca_file: there("ca.pem"),
            cert_file: there("cert.pem"),
            key_file: there("key.pem"),
            ..Options::default()
        }
    }
}
