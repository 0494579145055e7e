//! How Troupe's services talk: server stack, client channels, policy and identity.
