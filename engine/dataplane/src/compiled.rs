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
        Self::sharing(policy, &Arc::default())
    }

    /// The same with signatures that are compiled already, where they are those of the policy's custom
    /// applications: compiling takes longer than all else that a commit does.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`].
    pub fn sharing(policy: Policy, known: &Arc<Signatures>) -> Result<Self, SignatureError> {
        let custom: Vec<_> = policy.custom_applications().collect();
        let is_known = known.are_of(&custom);
        let signatures = if is_known { Arc::clone(known) } else { Arc::new(Signatures::new(&custom)?) };
        Ok(Self { signatures, policy: Arc::new(policy) })
    }
}

#[cfg(test)]
mod tests {
    use bifrons_config::{Config, typed::CustomApplication};
    use bifrons_model::Generation;

    use super::*;

    fn policy(names: &[&str]) -> Policy {
        let own = |name: &&str| CustomApplication { name: (*name).into(), ..CustomApplication::default() };
        let applications = names.iter().map(own).collect();
        Policy::compile(&Config { applications, ..Config::default() }, Generation(1))
    }

    #[test]
    fn signatures_are_shared_between_policies_of_the_same_applications() {
        let first = Compiled::new(policy(&["own"])).unwrap();
        let same = Compiled::sharing(policy(&["own"]), &first.signatures).unwrap();
        assert!(Arc::ptr_eq(&first.signatures, &same.signatures));
        let other = Compiled::sharing(policy(&["own", "other"]), &first.signatures).unwrap();
        assert!(!Arc::ptr_eq(&first.signatures, &other.signatures));
    }
}
