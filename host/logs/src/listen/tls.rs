//! What a listener needs for TLS.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{VerifierBuilderError, WebPkiClientVerifier},
};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates or of a key cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// Certificate and key do not go together, or are of no use.
    #[error(transparent)]
    Config(#[from] rustls::Error),
    /// The certificates that clients are to be judged by are of no use.
    #[error(transparent)]
    Clients(#[from] VerifierBuilderError),
}

/// TLS 1.2 and 1.3 with the certificates (the server's first, then its issuers') and the key of two PEM
/// files. With `clients`, a PEM file of authorities, only clients with a certificate of theirs are let in.
///
/// # Errors
/// When a file cannot be read, or what it holds is of no use.
pub fn server_config(
    certificates: &Path,
    key: &Path,
    clients: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_certificates(path)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, error))?;
    Ok(Arc::new(builder.with_single_cert(read_certificates(certificates)?, private_key)?))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    certificates.map_err(|error| file_error(path, error))
}

fn file_error(path: &Path, error: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), error }
}
