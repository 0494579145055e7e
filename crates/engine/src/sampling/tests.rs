use super::*;

fn plain() -> Sampling {
    Sampling {
        temperature: 1.0,
        top_p: 1.0,
        top_k: 0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        seed: 7,
    }
}

/// The tokens that ever come out of 500 draws.
fn drawn(sampling: Sampling, logits: &[f32]) -> Vec<u32> {
    let mut sampler = Sampler::new(sampling);
    let mut seen: Vec<u32> = (0..500)
        .map(|_| sampler.choose(&mut logits.to_vec(), &[]))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn takes_the_likeliest_at_temperature_zero() {
    assert_eq!(
        drawn(
            Sampling {
                temperature: 0.0,
                ..plain()
            },
            &[1.0, 3.0, 2.9]
        ),
        [1]
    );
}

#[test]
fn draws_every_likely_token_when_nothing_is_dropped() {
    assert_eq!(drawn(plain(), &[1.0, 1.0, 1.0, -90.0]), [0, 1, 2]);
}

#[test]
fn keeps_only_the_top_k() {
    assert_eq!(
        drawn(
            Sampling {
                top_k: 2,
                ..plain()
            },
            &[1.0, 1.2, 0.9, 1.1]
        ),
        [1, 3]
    );
}

#[test]
fn keeps_as_many_as_reach_top_p() {
    let logits = [0.5_f32, 0.3, 0.15, 0.05].map(f32::ln);
    assert_eq!(
        drawn(
            Sampling {
                top_p: 0.7,
                ..plain()
            },
            &logits
        ),
        [0, 1]
    );
}

#[test]
fn drops_what_is_far_below_the_likeliest() {
    let logits = [0.5_f32, 0.3, 0.15, 0.05].map(f32::ln);
    assert_eq!(
        drawn(
            Sampling {
                min_p: 0.25,
                ..plain()
            },
            &logits
        ),
        [0, 1, 2]
    );
}

#[test]
fn penalises_tokens_already_there_whatever_their_sign() {
    let mut sampler = Sampler::new(Sampling {
        temperature: 0.0,
        repetition_penalty: 1.5,
        ..plain()
    });
    assert_eq!(sampler.choose(&mut [2.0, 1.9], &[0]), 1);
    assert_eq!(sampler.choose(&mut [-1.0, -1.1], &[0]), 1);
}

#[test]
fn repeats_itself_with_the_same_seed_and_differs_with_another() {
    let logits: Vec<f32> = (0..100).map(|i| (i % 7) as f32 / 7.0).collect();
    let reply = |seed| {
        let mut sampler = Sampler::new(Sampling { seed, ..plain() });
        (0..20)
            .map(|_| sampler.choose(&mut logits.clone(), &[]))
            .collect::<Vec<_>>()
    };
    assert_eq!(reply(1), reply(1));
    assert_ne!(reply(1), reply(2));
}

#[test]
fn draws_in_proportion_to_probability() {
    let mut sampler = Sampler::new(plain());
    let logits = [0.8_f32, 0.2].map(f32::ln);
    let second = (0..10_000)
        .filter(|_| sampler.choose(&mut logits.to_vec(), &[]) == 1)
        .count();
    assert!(
        (1_800..2_200).contains(&second),
        "{second} of 10,000, with probability 0.2"
    );
}

#[test]
fn refuses_parameters_out_of_range() {
    for (sampling, culprit) in [
        (
            Sampling {
                temperature: -0.1,
                ..plain()
            },
            "temperature",
        ),
        (
            Sampling {
                temperature: f32::NAN,
                ..plain()
            },
            "temperature",
        ),
        (
            Sampling {
                top_p: 0.0,
                ..plain()
            },
            "top_p",
        ),
        (
            Sampling {
                min_p: 1.0,
                ..plain()
            },
            "min_p",
        ),
        (
            Sampling {
                repetition_penalty: 0.0,
                ..plain()
            },
            "repetition_penalty",
        ),
    ] {
        assert!(
            matches!(sampling.validate(), Err(Error::Sampling { name, .. }) if name == culprit)
        );
    }
    assert!(Sampling::default().validate().is_ok());
}
