//! The sentence encoder with the real default model, which the first run fetches.

use std::path::PathBuf;
use std::sync::LazyLock;

use troupe_engine::encoder::{Encoder, EncoderError, VOCABULARY_FILE, WEIGHTS_FILE};
use troupe_engine::weights::{self, ALL_MINILM_L6_V2, ALL_MINILM_L6_V2_URL, Origin};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = crate::models_folder().join(ALL_MINILM_L6_V2.name);
    let origin = Origin {
        url: ALL_MINILM_L6_V2_URL,
        ..Origin::default()
    };
    crate::run(weights::fetch(&folder, ALL_MINILM_L6_V2, origin)).unwrap();
    folder
});

static ENCODER: LazyLock<Encoder> = LazyLock::new(|| Encoder::load(&FOLDER, 2).unwrap());

const CAT: &str = "The cat sits on the mat.";
const KITTEN: &str = "A kitten is sitting on a rug.";
const RATES: &str = "Interest rates rose by a quarter point.";

/// Texts, their tokens, and how the reference's vectors for them begin. The reference was computed in 64-bit floats.
const REFERENCE: &[(&str, usize, [f32; 6])] = &[
    (
        "This is an example sentence",
        7,
        [
            0.067_657, 0.063_496, 0.048_713, 0.079_305, 0.037_448, 0.002_653,
        ],
    ),
    (
        CAT,
        9,
        [
            0.134_177, -0.032_900, -0.024_804, 0.041_439, -0.036_348, 0.041_814,
        ],
    ),
    (
        KITTEN,
        10,
        [
            0.052_692, -0.016_797, 0.015_980, 0.045_934, -0.043_074, 0.040_254,
        ],
    ),
    (
        RATES,
        10,
        [
            0.045_496, -0.004_437, -0.033_364, 0.012_534, 0.036_313, -0.040_442,
        ],
    ),
    (
        "Ünïcödé — Straße, 日本語 and 🦊!",
        13,
        [
            0.023_402, 0.010_127, 0.053_566, -0.046_949, -0.084_884, 0.017_930,
        ],
    ),
    (
        "",
        2,
        [
            -0.118_838, 0.048_299, -0.002_548, -0.011_011, 0.051_951, 0.010_292,
        ],
    ),
];

fn embed(texts: &[&str]) -> Vec<Vec<f32>> {
    ENCODER.embed(texts)
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

#[test]
fn gives_the_references_vectors() {
    assert_eq!(ENCODER.dimensions(), 384);
    for (text, tokens, begin) in REFERENCE {
        assert_eq!(ENCODER.count_tokens(text), *tokens, "{text}");
        let [vector] = embed(&[text]).try_into().unwrap();
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5, "{text}");
        for (found, expected) in vector.iter().zip(begin) {
            assert!((found - expected).abs() < 3e-6, "{text}: {vector:?}");
        }
    }
}

#[test]
fn puts_texts_that_mean_alike_near_one_another() {
    let [cat, kitten, rates] = embed(&[CAT, KITTEN, RATES]).try_into().unwrap();
    assert!((dot(&cat, &kitten) - 0.6789).abs() < 1e-4);
    assert!((dot(&cat, &rates) + 0.0315).abs() < 1e-4);
}

#[test]
fn leaves_out_what_goes_beyond_the_window() {
    let [exact, long, longer] = [
        "word ".repeat(254),
        "word ".repeat(400),
        "word ".repeat(40_000),
    ];
    let [exact, long, longer] = embed(&[&*exact, &*long, &*longer]).try_into().unwrap();
    assert_eq!(exact, long);
    assert_eq!(exact, longer);
    let reference = [-0.008_124, -0.095_586, -0.038_673, 0.049_662, -0.043_794];
    for (found, expected) in long.iter().zip(reference) {
        assert!((found - expected).abs() < 3e-6, "{long:?}");
    }
}

#[test]
fn gives_a_text_the_same_vector_alone_and_beside_others() {
    // Long enough for several passes, and of many lengths.
    let texts: Vec<String> = (0..40)
        .map(|index| format!("{CAT} {}", "rain and tea ".repeat(index)))
        .collect();
    let together = ENCODER.embed(&texts);
    let other = Encoder::load(&FOLDER, 1).unwrap();
    for (text, vector) in texts.iter().zip(&together) {
        let alone = other.embed(&[text]);
        assert_eq!(alone, std::slice::from_ref(vector));
    }
    assert!(ENCODER.embed::<&str>(&[]).is_empty());
}

#[test]
fn counts_tokens_as_the_models_own_tokenizer_does() {
    let table = [
        ("Hello, world!", 6),
        ("I don't know the naïve Ångström.", 12),
        ("İSTANBUL Straße ΣΊΣΥΦΟΣ", 12),
        ("中文and日本語", 8),
        ("😀🦊 👩\u{200d}🚀", 4),
        ("a\0b\u{fffd}c\u{200b}d\te\u{a0}f", 6),
        ("*nods* “Good evening,” she said… —and left.", 17),
        ("ｆｕｌｌ ½ ㊙ ﬁne", 7),
        ("antidisestablishmentarianism", 10),
        ("e\u{301}\u{323} 한국어 ไทย العربية", 19),
    ];
    for (text, tokens) in table {
        assert_eq!(ENCODER.count_tokens(text), tokens, "{text}");
    }
}

#[test]
fn refuses_folders_that_hold_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let weights = std::fs::read(FOLDER.join(WEIGHTS_FILE)).unwrap();
    let path = folder.path().join(WEIGHTS_FILE);
    let load = || Encoder::load(folder.path(), 1);
    assert!(matches!(load(), Err(EncoderError::Unreadable { .. })));
    std::fs::write(folder.path().join(VOCABULARY_FILE), "[UNK]\n").unwrap();
    assert!(matches!(load(), Err(EncoderError::Unusable { .. })));
    std::fs::copy(
        FOLDER.join(VOCABULARY_FILE),
        folder.path().join(VOCABULARY_FILE),
    )
    .unwrap();
    assert!(matches!(load(), Err(EncoderError::Unreadable { .. })));
    for bytes in [
        &b""[..],
        b"PNG and so on",
        &weights[..200],
        &weights[..1 << 20],
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(load(), Err(EncoderError::Unusable { .. })));
    }
}
