//! Troupe's contracts: messages, clients, servers, policy table and validators.
