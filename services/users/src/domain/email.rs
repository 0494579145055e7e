//! E-mail addresses: kept as they were written, compared without regard to letter case.

/// An address. Two addresses name the same account when their keys are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress {
    written: String,
    key: String,
}

impl EmailAddress {
    /// Takes an address whose form the contract has checked.
    pub(crate) fn new(written: &str) -> Self {
        Self {
            written: written.to_owned(),
            key: written.to_lowercase(),
        }
    }

    /// The address as its owner wrote it.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The form that is compared.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_without_letter_case_and_keeps_the_spelling() {
        let address = EmailAddress::new("Alice@Example.COM");
        assert_eq!(address.key(), EmailAddress::new("alice@example.com").key());
        assert_eq!(address.written(), "Alice@Example.COM");
    }
}
