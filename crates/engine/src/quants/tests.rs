use super::*;

#[test]
fn reads_half_precision_numbers_exactly() {
    for (bits, value) in [
        (0x0000_u16, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x3555, 0.333_251_95),
        (0x7bff, 65_504.0),
        (0x0400, 6.103_515_6e-5),
        (0x0001, 5.960_464_5e-8),
        (0x83ff, -6.097_555e-5),
    ] {
        assert_eq!(half(&bits.to_le_bytes(), 0), value, "{bits:#06x}");
    }
}

/// Every weight of a block, as ggml orders them.
fn decoded<F: Format>(bytes: &[u8]) -> Vec<f32> {
    let blocks = F::blocks(bytes);
    blocks
        .iter()
        .flat_map(|block| (0..F::WEIGHTS / PART).flat_map(|part| F::decode(block, part)))
        .collect()
}

/// The half-precision bytes of 1 and 2.
const ONE: [u8; 2] = [0x00, 0x3c];
const TWO: [u8; 2] = [0x00, 0x40];

#[test]
fn decodes_plain_formats() {
    let bytes: Vec<u8> = (0..32)
        .flat_map(|i| (i as f32 - 3.5).to_le_bytes())
        .collect();
    assert_eq!(decoded::<F32>(&bytes)[..2], [-3.5, -2.5]);
    assert_eq!(decoded::<F16>(&TWO.repeat(32)), [2.0; 32]);
    assert_eq!(decoded::<Bf16>(&[0x40, 0xc0].repeat(32)), [-3.0; 32]);
}

#[test]
fn decodes_blocks_of_32() {
    let q8: Vec<u8> = TWO
        .into_iter()
        .chain((0..32).map(|i| (i as i8 - 16) as u8))
        .collect();
    assert_eq!(
        decoded::<Q8_0>(&q8),
        (0..32).map(|i| 2.0 * (i as f32 - 16.0)).collect::<Vec<_>>()
    );

    // The low nibbles are 0..16 and the high ones 15 throughout.
    let nibbles: Vec<u8> = (0..16).map(|i| i | 0xf0).collect();
    let expected = |low: fn(f32) -> f32, high: f32| -> Vec<f32> {
        (0..16).map(|i| low(i as f32)).chain([high; 16]).collect()
    };
    let q4_0 = [&TWO[..], &nibbles].concat();
    assert_eq!(decoded::<Q4_0>(&q4_0), expected(|q| 2.0 * (q - 8.0), 14.0));
    let q4_1 = [&TWO[..], &ONE, &nibbles].concat();
    assert_eq!(decoded::<Q4_1>(&q4_1), expected(|q| 2.0 * q + 1.0, 31.0));
    // The fifth bit is set in the second half only.
    let q5_0 = [&TWO[..], &[0, 0, 0xff, 0xff], &nibbles].concat();
    assert_eq!(decoded::<Q5_0>(&q5_0), expected(|q| 2.0 * (q - 16.0), 30.0));
    let q5_1 = [&TWO[..], &ONE, &[0, 0, 0xff, 0xff], &nibbles].concat();
    assert_eq!(decoded::<Q5_1>(&q5_1), expected(|q| 2.0 * q + 1.0, 63.0));
}

#[test]
fn decodes_blocks_of_256_with_their_packed_scales() {
    // Scales 1 to 8 and least values 0 to 7, six bits each, as ggml packs them.
    let scales = [
        1,
        2,
        3,
        4,
        0,
        1,
        2,
        3,
        5 | 4 << 4,
        6 | 5 << 4,
        7 | 6 << 4,
        8 | 7 << 4,
    ];
    let expected = |low: f32, high: f32| -> Vec<f32> {
        let part = |part: usize| {
            [if part.is_multiple_of(2) { low } else { high } * (part + 1) as f32
                - 2.0 * part as f32; 32]
        };
        (0..8).flat_map(part).collect()
    };
    let q4 = [&ONE[..], &TWO, &scales, &[0x93; 128]].concat();
    assert_eq!(decoded::<Q4K>(&q4), expected(3.0, 9.0));
    let q5 = [&ONE[..], &TWO, &scales, &[0b1010_1010; 32], &[0x93; 128]].concat();
    assert_eq!(decoded::<Q5K>(&q5), expected(3.0, 25.0));
}

#[test]
fn decodes_six_bit_blocks() {
    let scales: Vec<u8> = (1..=16).collect();
    let q6 = [&[0x21; 128][..], &[0b11_10_01_00; 64], &scales, &TWO].concat();
    let quarter = |quarter: usize| [1.0, 17.0, 34.0, 50.0][quarter] - 32.0;
    let expected: Vec<f32> = (0..256)
        .map(|i| 2.0 * (i / 16 + 1) as f32 * quarter(i % 128 / 32))
        .collect();
    assert_eq!(decoded::<Q6K>(&q6), expected);
}
