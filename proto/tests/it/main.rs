//! The contracts as a whole: what is checked in matches what is compiled, and the rules hold at run time.

mod build;
mod events;
mod headings;
mod snapshot;
mod validation;
