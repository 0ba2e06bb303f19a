//! What a commit hands to the workers.

use alloc::{sync::Arc, vec::Vec};

use bifrons_inspect::{SignatureError, Signatures};
use bifrons_policy::Policy;

/// A configuration in the forms that a worker uses. Immutable and shared: a clone costs two counters.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Rules, routes, settings.
    pub policy: Arc<Policy>,
    /// What tells applications, those of the configuration included.
    pub signatures: Arc<Signatures>,
}

impl Compiled {
    /// Compiles the signatures of the policy's custom applications.
    ///
    /// # Errors
    ///
    /// When one of them cannot be used: an unknown context, a pattern that is none.
    pub fn new(policy: Policy) -> Result<Self, SignatureError> {
        let custom: Vec<_> = policy.custom_applications().collect();
        let signatures = Signatures::new(&custom)?;
        Ok(Self { signatures: Arc::new(signatures), policy: Arc::new(policy) })
    }
}
