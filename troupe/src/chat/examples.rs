//! The example cards, carried in the executable.

/// A card that comes with Troupe.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    /// Who that is, in a few words.
    pub(crate) about: &'static str,
    pub(crate) card: &'static [u8],
}

/// The cards of `examples/cards`.
pub(crate) const EXAMPLES: &[Example] = &[
    Example {
        name: "Maren Holloway",
        about: "keeps a lighthouse in a storm",
        card: include_bytes!("../../../examples/cards/maren.png"),
    },
    Example {
        name: "Quill",
        about: "a paper golem in a library without end",
        card: include_bytes!("../../../examples/cards/quill.png"),
    },
    Example {
        name: "Tamsin Okoro",
        about: "runs a noodle bar at night",
        card: include_bytes!("../../../examples/cards/tamsin.v1.json"),
    },
];

/// A scenario that comes with Troupe.
pub(crate) struct ExampleScenario {
    pub(crate) name: &'static str,
    /// What it is, in a few words.
    pub(crate) about: &'static str,
    pub(crate) file: &'static [u8],
}

/// The scenarios of `examples/scenarios`.
pub(crate) const SCENARIOS: &[ExampleScenario] = &[
    ExampleScenario {
        name: "Low water",
        about: "somebody is still on the sand, and the tide turns",
        file: include_bytes!("../../../examples/scenarios/low-water.json"),
    },
    ExampleScenario {
        name: "The understudy",
        about: "a template: the lead has left, and you know the lines",
        file: include_bytes!("../../../examples/scenarios/the-understudy.json"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_characters_as_their_cards_do() {
        for example in EXAMPLES {
            let name = format!("\"name\": \"{}\"", example.name);
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cards");
            let files = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let mut sources = files.filter(|path| path.extension().is_some_and(|it| it == "json"));
            let is_there =
                sources.any(|path| std::fs::read_to_string(path).unwrap().contains(&name));
            assert!(is_there, "{name}");
        }
    }

    #[test]
    fn names_scenarios_as_their_files_do() {
        for example in SCENARIOS {
            let file: serde_json::Value = serde_json::from_slice(example.file).unwrap();
            assert_eq!(file["scenario"]["name"], example.name);
        }
    }
}
