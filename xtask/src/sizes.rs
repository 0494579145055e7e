//! How long files and functions may be: what is longer is read with less care.

use std::path::Path;

/// Lines of a file, without the tests that it ends with.
const FILE: usize = 350;
/// Lines of a file of tests or of an example.
const FILE_OF_TESTS: usize = 500;
/// Lines of a function, from its name to its last brace.
const FUNCTION: usize = 80;

/// What is longer, and how long it is. The list only shrinks: what is on it may not grow, and what no longer needs it goes.
const EXCEPTIONS: &[(&str, usize)] = &[
    ("crates/engine/src/attention.rs::block_of_rows", 92),
    ("crates/vectors/src/qdrant.rs", 353),
    ("crates/wire/tests/it/elsewhere.rs", 503),
    (
        "services/roleplay/tests/it/characters.rs::imports_json_and_exports_it_with_all_that_is_unknown",
        82,
    ),
    (
        "troupe/tests/e2e/edge.rs::a_strangers_things_do_not_exist",
        83,
    ),
    (
        "troupe/tests/e2e/real_model.rs::a_character_answers_by_the_local_model",
        93,
    ),
    ("troupe/tests/e2e/telemetry.rs::follows_one_trace", 101),
    (
        "troupe/tests/e2e/telemetry.rs::prometheus_finds_what_the_platform_does",
        89,
    ),
];

/// A file, or `file::function`, and its lines.
type Length = (String, usize);

/// What is wrong with a tree of these files, each with its text.
pub(crate) fn problems<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> Vec<String> {
    let lengths: Vec<(Length, usize)> =
        files.flat_map(|(file, text)| lengths(file, text)).collect();
    judge(&lengths, EXCEPTIONS)
}

fn judge(lengths: &[(Length, usize)], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut needed = Vec::new();
    for ((name, lines), most) in lengths.iter().filter(|((_, lines), most)| lines > most) {
        match exceptions.iter().find(|(excepted, _)| excepted == name) {
            Some((_, listed)) if lines <= listed => {}
            Some((_, listed)) => {
                problems.push(format!("{name} grew from {listed} lines to {lines}"))
            }
            None => problems.push(format!("{name} has {lines} lines; {most} are enough")),
        }
        needed.push(name.as_str());
    }
    let needless = exceptions.iter().filter(|(name, _)| !needed.contains(name));
    problems.extend(needless.map(|(name, _)| format!("{name} is no exception any more")));
    problems
}

/// The lengths in a file, with how long each may be.
fn lengths(file: &str, text: &str) -> Vec<(Length, usize)> {
    let path = Path::new(file);
    let is_of_tests = path.file_stem().is_some_and(|stem| stem == "tests")
        || path
            .iter()
            .any(|part| part == "tests" || part == "examples");
    let lines: Vec<&str> = text.lines().collect();
    let whole = if is_of_tests {
        lines.len()
    } else {
        before_tests(&lines)
    };
    let most = if is_of_tests { FILE_OF_TESTS } else { FILE };
    let mut lengths = vec![((file.to_owned(), whole), most)];
    for (first, line) in lines.iter().enumerate() {
        let Some((name, indent)) = function(line) else {
            continue;
        };
        let last = lines[first..].iter().position(|line| is_end(line, indent));
        let last = last.unwrap_or_default();
        lengths.push(((format!("{file}::{name}"), last + 1), FUNCTION));
    }
    lengths
}

fn before_tests(lines: &[&str]) -> usize {
    let tests = ["#[cfg(test)]", "mod tests {"];
    let found = lines.windows(2).position(|pair| pair == tests);
    found.unwrap_or(lines.len())
}

/// The name of the function that begins in a line, and the line's indent.
fn function(line: &str) -> Option<(&str, usize)> {
    let code = line.trim_start();
    let (before, after) = code.split_once("fn ")?;
    let is_of_its_head = |word: &str| {
        matches!(word, "async" | "const" | "extern" | "unsafe" | "\"C\"") || word.starts_with("pub")
    };
    // The body of one that a macro writes stands elsewhere.
    let name = after
        .split(['(', '<'])
        .next()
        .filter(|name| !name.starts_with('$'))?;
    let is_function = before.split_whitespace().all(is_of_its_head);
    is_function.then_some((name, line.len() - code.len()))
}

/// Whether a function of this indent ends here, as rustfmt writes it.
fn is_end(line: &str, indent: usize) -> bool {
    let code = line.trim_start();
    let is_closed =
        code == "}" || code.ends_with(';') || (code.contains("fn ") && code.ends_with('}'));
    line.len() - code.len() == indent && is_closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(functions: &str, tests: usize) -> String {
        let tests = "    let x = 1;\n".repeat(tests);
        format!("{functions}#[cfg(test)]\nmod tests {{\n{tests}}}\n")
    }

    fn judged(name: &str, text: &str, exceptions: &[(&str, usize)]) -> Vec<String> {
        judge(&lengths(name, text), exceptions)
    }

    #[test]
    fn does_not_count_the_tests_at_the_end_of_a_file() {
        assert!(judged("src/a.rs", &file(&"\n".repeat(350), 400), &[]).is_empty());
        assert_eq!(
            judged("src/a.rs", &file(&"\n".repeat(351), 0), &[]).len(),
            1
        );
    }

    #[test]
    fn gives_files_of_tests_more_room() {
        for name in ["src/a/tests.rs", "tests/it/a.rs", "examples/a.rs"] {
            assert!(judged(name, &"\n".repeat(500), &[]).is_empty());
            assert_eq!(judged(name, &"\n".repeat(501), &[]).len(), 1);
        }
    }

    #[test]
    fn measures_functions_from_the_name_to_the_last_brace() {
        let of = |lines: usize| {
            let body = "        if x {\n        }\n".repeat((lines - 4) / 2);
            format!(
                "impl A {{\n    pub(crate) async fn long<T>(\n        x: T,\n    ) {{\n{body}    }}\n}}\n"
            )
        };
        assert!(judged("src/a.rs", &of(80), &[]).is_empty());
        let expected = "src/a.rs::long has 82 lines; 80 are enough";
        assert_eq!(judged("src/a.rs", &of(82), &[]), [expected]);
        // What has no body, or one in its line, ends at once.
        let short = format!("    fn a();\n    fn b() {{}}\n{}", "    // x\n".repeat(90));
        assert!(judged("src/a.rs", &short, &[]).is_empty());
    }

    #[test]
    fn lets_exceptions_shrink_and_not_grow() {
        let of = |lines: usize| judged("src/a.rs", &"\n".repeat(lines), &[("src/a.rs", 360)]);
        assert!(of(360).is_empty());
        assert!(of(355).is_empty());
        assert_eq!(of(361), ["src/a.rs grew from 360 lines to 361"]);
        assert_eq!(of(350), ["src/a.rs is no exception any more"]);
    }
}
