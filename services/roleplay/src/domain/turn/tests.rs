use std::collections::HashMap;

use super::*;

fn candidate(name: &str, talkativeness: f64) -> Candidate {
    Candidate {
        character_id: CharacterId::new(),
        names: Names::new(name, []),
        talkativeness,
    }
}

fn scene(candidates: &[Candidate], strategy: Strategy) -> Scene<'_> {
    Scene {
        candidates,
        strategy,
        self_replies: false,
        text: "",
        by_person: true,
        is_sent: true,
        spoke: &[],
        seed: 7,
    }
}

/// The places of the speakers, with why.
fn said(scene: &Scene<'_>) -> Vec<(usize, Call)> {
    let place = |it: Speaker| {
        let mut all = scene.candidates.iter();
        let at = all.position(|one| one.character_id == it.character_id);
        (at.unwrap(), it.call)
    };
    scene.speakers().into_iter().map(place).collect()
}

#[test]
fn who_is_mentioned_speaks_first_and_who_is_shy_only_then() {
    let cast = [
        candidate("Mira", 0.0),
        candidate("Tom", 1.0),
        candidate("Wren", 0.0),
    ];
    let scene = Scene {
        text: "Wren, what does Mira say?",
        ..scene(&cast, Strategy::Natural)
    };
    let expected = [
        (2, Call::Mentioned),
        (0, Call::Mentioned),
        (1, Call::Talkative),
    ];
    for seed in 0..50 {
        assert_eq!(said(&Scene { seed, ..scene }), expected);
        let silent = Scene {
            seed,
            text: "Hm.",
            ..scene
        };
        assert_eq!(said(&silent), [(1, Call::Talkative)]);
    }
}

#[test]
fn talkativeness_is_how_often_somebody_speaks() {
    let cast = [candidate("Mira", 0.2), candidate("Tom", 0.8)];
    let scene = scene(&cast, Strategy::Natural);
    let mut counts = [0; 2];
    for seed in 0..2_000 {
        for (at, call) in said(&Scene { seed, ..scene }) {
            counts[at] += u32::from(call == Call::Talkative);
        }
    }
    assert!((340..460).contains(&counts[0]), "{counts:?}");
    assert!((1_540..1_660).contains(&counts[1]), "{counts:?}");
}

#[test]
fn somebody_always_answers_and_the_shy_only_among_the_shy() {
    let cast = [candidate("Mira", 0.0), candidate("Tom", 1e-9)];
    let natural = scene(&cast, Strategy::Natural);
    for seed in 0..50 {
        assert_eq!(said(&Scene { seed, ..natural }), [(1, Call::Chance)]);
    }
    let shy = [candidate("Mira", 0.0), candidate("Tom", 0.0)];
    let mut seen = HashMap::new();
    for seed in 0..50 {
        let speakers = said(&Scene {
            seed,
            ..scene(&shy, Strategy::Natural)
        });
        assert_eq!(speakers.len(), 1);
        *seen.entry(speakers[0].0).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn nobody_answers_themselves_unless_that_is_allowed() {
    let cast = [candidate("Mira", 1.0), candidate("Tom", 1.0)];
    let spoke = [cast[0].character_id];
    let after = Scene {
        by_person: false,
        is_sent: false,
        spoke: &spoke,
        text: "I am Mira.",
        ..scene(&cast, Strategy::Natural)
    };
    assert_eq!(said(&after), [(1, Call::Talkative)]);
    let allowed = Scene {
        self_replies: true,
        ..after
    };
    assert_eq!(said(&allowed)[0], (0, Call::Mentioned));
    // A person's word frees them.
    let answered = Scene {
        by_person: true,
        text: "Mira?",
        ..after
    };
    assert_eq!(said(&answered)[0], (0, Call::Mentioned));
    for strategy in [Strategy::List, Strategy::Pooled, Strategy::Manual] {
        let alone = Scene {
            candidates: &cast[..1],
            strategy,
            ..after
        };
        assert_eq!(said(&alone), [], "{strategy:?}");
        let allowed = Scene {
            self_replies: true,
            ..alone
        };
        assert_eq!(said(&allowed).len(), 1, "{strategy:?}");
    }
}

#[test]
fn in_a_list_all_speak_in_their_order() {
    let cast = [
        candidate("Mira", 0.0),
        candidate("Tom", 0.5),
        candidate("Wren", 1.0),
    ];
    let listed = [0, 1, 2].map(|at| (at, Call::Listed));
    let scene = Scene {
        text: "Wren!",
        ..scene(&cast, Strategy::List)
    };
    assert_eq!(said(&scene), listed);
}

#[test]
fn a_pool_lets_all_speak_before_anybody_does_again() {
    let cast = [
        candidate("Mira", 0.0),
        candidate("Tom", 0.5),
        candidate("Wren", 1.0),
    ];
    for seed in 0..30 {
        let mut spoke = Vec::new();
        for turn in 0..4 {
            let scene = Scene {
                by_person: turn == 0,
                is_sent: turn == 0,
                spoke: &spoke,
                seed: seed_for(seed, "turn", turn),
                ..scene(&cast, Strategy::Pooled)
            };
            let speakers = scene.speakers();
            let [only] = speakers[..] else {
                panic!("{speakers:?}")
            };
            let before = spoke.contains(&only.character_id);
            let expected = match turn {
                0..3 => (false, Call::Pooled),
                _ => (true, Call::Chance),
            };
            assert_eq!((before, only.call), expected);
            assert_ne!(spoke.first(), Some(&only.character_id));
            spoke.insert(0, only.character_id);
        }
    }
}

#[test]
fn by_hand_nobody_answers_a_person_and_anybody_goes_on() {
    let cast = [candidate("Mira", 1.0), candidate("Tom", 0.0)];
    let scene = Scene {
        text: "Mira?",
        ..scene(&cast, Strategy::Manual)
    };
    assert_eq!(said(&scene), []);
    let mut seen = [0; 2];
    for seed in 0..50 {
        let on = Scene {
            by_person: seed % 2 == 0,
            is_sent: false,
            seed,
            ..scene
        };
        let speakers = said(&on);
        assert_eq!(speakers[..].len(), 1);
        seen[speakers[0].0] += 1;
    }
    assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
}

#[test]
fn nobody_speaks_where_nobody_may() {
    for strategy in [
        Strategy::Natural,
        Strategy::List,
        Strategy::Pooled,
        Strategy::Manual,
    ] {
        assert_eq!(scene(&[], strategy).speakers(), []);
    }
}

#[test]
fn the_same_scene_and_seed_give_the_same_speakers() {
    let cast: Vec<Candidate> = (0..6).map(|n| candidate(&format!("C{n}"), 0.5)).collect();
    let mut orders = std::collections::HashSet::new();
    for seed in 0..40 {
        let scene = Scene {
            seed,
            ..scene(&cast, Strategy::Natural)
        };
        assert_eq!(scene.speakers(), scene.speakers());
        orders.insert(
            said(&scene)
                .into_iter()
                .map(|(at, _)| at)
                .collect::<Vec<_>>(),
        );
    }
    assert!(orders.len() > 20, "{}", orders.len());
}
