//! A failure of a store, as the errors of services carry it.

use sea_orm::DbErr;
use troupe_proto::{Class, Classify, Reason};

use super::Outage;

/// A failure of a store. What passes says so to the caller; anything else is a fault of ours.
#[derive(Debug, Clone, thiserror::Error)]
#[error("storage failed: {0}")]
pub struct Fault(#[from] DbErr);

impl Fault {
    /// Why the store can't do its work now, where that is what is wrong.
    pub fn outage(&self) -> Option<Outage> {
        Outage::of(&self.0)
    }
}

impl Classify for Fault {
    fn class(&self) -> Class {
        let Some(outage) = self.outage() else {
            return Class::internal();
        };
        let class = match outage {
            Outage::Busy => Class::new(Reason::Overloaded),
            _ => Class::new(Reason::Unavailable),
        };
        class
            .saying(outage.to_string())
            .retry_after(Outage::RETRY_AFTER)
    }
}
