//! Troupe's gateway: gRPC, gRPC-Web and JSON on one port, driven by descriptors.
