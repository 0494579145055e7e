//! Licences of dependencies. Advisories need a database that isn't in the package registries, so this doesn't look
//! at them: run `cargo deny check advisories` or `cargo audit` where their database can be fetched.

use anyhow::{Result, bail};

use crate::metadata::{self, Package};
use crate::workspace::Workspace;

/// Licences that ask for no more than naming the authors.
const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks every package that is built.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let packages = metadata::all(workspace)?;
    let refused: Vec<String> = packages.iter().filter_map(refusal).collect();
    if !refused.is_empty() {
        bail!(
            "{}\nchoose another crate, or add the licence to xtask/src/licences.rs if it suits",
            refused.join("\n")
        );
    }
    println!(
        "{} packages have licences that suit; advisories are not looked at",
        packages.len()
    );
    Ok(())
}

fn refusal(package: &Package) -> Option<String> {
    let Package { name, version, .. } = package;
    match &package.license {
        Some(licence) if suits(licence) => None,
        Some(licence) => Some(format!("{name} {version} is under {licence}")),
        None => Some(format!("{name} {version} names no licence")),
    }
}

/// Whether an SPDX expression leaves a choice that is on the list. One that can't be read doesn't.
fn suits(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    any_of(&mut words) == Some(true) && words.is_empty()
}

/// `a OR b`
fn any_of(words: &mut &[&str]) -> Option<bool> {
    let mut suits = all_of(words)?;
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        suits |= all_of(words)?;
    }
    Some(suits)
}

/// `a AND b`, which binds more tightly.
fn all_of(words: &mut &[&str]) -> Option<bool> {
    let mut suits = one(words)?;
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        suits &= one(words)?;
    }
    Some(suits)
}

/// A licence, with its exception if it has one, or an expression in parentheses.
fn one(words: &mut &[&str]) -> Option<bool> {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let suits = any_of(words)?;
            let [")", rest @ ..] = *words else {
                return None;
            };
            *words = rest;
            Some(suits)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(ACCEPTED.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, rest @ ..] => {
            *words = rest;
            Some(ACCEPTED.contains(licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_expressions_that_leave_a_choice() {
        for licence in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(suits(licence), "{licence}");
        }
    }

    #[test]
    fn refuses_expressions_that_leave_none_or_make_no_sense() {
        for licence in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 OR (MIT AND AGPL-3.0)",
            "(MIT",
            "MIT OR",
            "MIT MIT",
            "",
        ] {
            assert!(!suits(licence), "{licence}");
        }
    }
}
