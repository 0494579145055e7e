//! The share of one source in the addresses of a service.

use tokio::sync::watch;

use super::Addresses;

/// What one source contributes to a set of addresses.
#[derive(Debug)]
pub(super) struct Part {
    index: usize,
    found: watch::Sender<Vec<Addresses>>,
}

impl Part {
    pub(super) fn new(index: usize, found: watch::Sender<Vec<Addresses>>) -> Self {
        Self { index, found }
    }

    /// These are the addresses now.
    pub(super) fn set(&self, addresses: Addresses) {
        self.found
            .send_if_modified(|parts| match parts.get_mut(self.index) {
                Some(part) if *part != addresses => {
                    *part = addresses;
                    true
                }
                _ => false,
            });
    }
}
