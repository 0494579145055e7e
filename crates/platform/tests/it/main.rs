//! The platform's ports, each held to one suite on its embedded part and on the real server.

mod vectors;
