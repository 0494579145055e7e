//! What those who wrote the texts of a session may not read of each other's. What any of them writes must not tell of that: neither
//! by what its macros stand for, nor by whether its keys are found.

/// Who wrote texts of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Writer {
    /// The owner of a card and its lorebooks; by its place among the cards of the session.
    Card(usize),
    /// The author of the scenario that the session was started from, and of the lorebooks that it brings.
    Scenario,
}

/// What somebody may not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Veil {
    /// Of each card in order, whether it is hidden. Those that aren't named may be read.
    pub cards: Vec<bool>,
    /// Whether the scenario is.
    pub scenario: bool,
}

/// What writers of a prompt's texts may not read of each other's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Veils {
    /// For people: those who take part in the session.
    pub people: Veil,
    /// For the author of the scenario.
    pub scenario: Veil,
    /// For the owner of each card in order.
    pub cards: Vec<Veil>,
}

impl Veil {
    /// Whether what somebody wrote is hidden.
    #[must_use]
    pub fn hides(&self, of: Writer) -> bool {
        match of {
            Writer::Card(place) => self.cards.get(place).is_some_and(|hidden| *hidden),
            Writer::Scenario => self.scenario,
        }
    }

    fn hides_any(&self) -> bool {
        self.scenario || self.cards.contains(&true)
    }
}

impl Veils {
    /// Whether what one writer wrote is hidden from another.
    #[must_use]
    pub fn hide(&self, of: Writer, from: Writer) -> bool {
        let veil = match from {
            Writer::Card(place) => self.cards.get(place),
            Writer::Scenario => Some(&self.scenario),
        };
        veil.is_some_and(|veil| veil.hides(of))
    }

    /// Whether a writer may not read what another wrote.
    #[must_use]
    pub fn part_writers(&self) -> bool {
        self.scenario.hides_any() || self.cards.iter().any(Veil::hides_any)
    }

    /// Whether people may not read all.
    #[must_use]
    pub fn hide_from_people(&self) -> bool {
        self.people.hides_any()
    }

    /// Whether anything is hidden from anybody.
    #[must_use]
    pub fn hide_any(&self) -> bool {
        self.hide_from_people() || self.part_writers()
    }
}
