//! What is secret, where does it come from, and how is a connection made private?

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::access::Key;
use crate::error::ServerError;

/// A certificate with its chain, and its private key, as PEM.
#[derive(Clone)]
pub struct Pem {
    /// The chain, the server's own first.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

/// What is read at the start and again on SIGHUP.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The keys that open routes; none if there is no file of keys.
    pub keys: Vec<Key>,
    /// For TLS, if it is wanted. It can be changed while the server runs, not added or taken away.
    pub tls: Option<Pem>,
}

/// The certificate that new connections get.
pub(crate) struct Certificate {
    current: ArcSwap<ServerConfig>,
}

impl Certificate {
    pub(crate) fn new(pem: &Pem) -> Result<Self, ServerError> {
        Ok(Self { current: ArcSwap::from(configured(pem)?) })
    }

    /// Takes another one for new connections; if it cannot be used, the old one stays.
    pub(crate) fn replace(&self, pem: &Pem) -> Result<(), ServerError> {
        self.current.store(configured(pem)?);
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn configured(pem: &Pem) -> Result<Arc<ServerConfig>, ServerError> {
    let unusable = |what: &'static str| move |_| ServerError::Certificate { what };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.certificate).collect();
    let chain = chain.map_err(unusable("the certificate is no PEM"))?;
    if chain.is_empty() {
        return Err(ServerError::Certificate { what: "the file of the certificate holds none" });
    }
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(unusable("the file of the key holds no private key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ServerError::Certificate { what: "this build offers no version of TLS" })?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|_| ServerError::Certificate { what: "the key does not belong to the certificate" })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
