//! What was asked for a job beyond running it. Most jobs have none, and pay a null pointer for it.

use std::borrow::Cow;
use std::time::Instant;

use crate::error::Failure;

#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) deadline: Option<Instant>,
}

impl Terms {
    /// `None` if nothing was asked for.
    pub(crate) fn if_any(self) -> Option<Box<Self>> {
        let Self { name, deadline } = &self;
        (name.is_some() || deadline.is_some()).then(|| Box::new(self))
    }

    /// Why the job must not start any more, if so.
    pub(crate) fn forbid(&self) -> Option<Failure> {
        let expired = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        expired.then_some(Failure::Expired)
    }
}
