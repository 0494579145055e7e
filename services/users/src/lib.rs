//! Troupe's users service: accounts, credentials, tokens, profiles, audit log.
