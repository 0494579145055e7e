//! Pictures that are too large, of other formats, and damaged.

use super::*;

/// A PNG of one colour, whose pixels are written row by row.
fn png(width: u32, height: u32, color: ColorType, depth: BitDepth, byte: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let row = (width as usize * color.samples() * depth as usize).div_ceil(8);
    let mut stream = writer.stream_writer().unwrap();
    for _ in 0..height {
        std::io::Write::write_all(&mut stream, &vec![byte; row]).unwrap();
    }
    stream.finish().unwrap();
    writer.finish().unwrap();
    file
}

fn pixels(png: &[u8]) -> Pixels {
    scaled_png(png).unwrap()
}

#[test]
fn a_small_png_stays_as_it_is() {
    let file = png(MAX_DIMENSION, 3, ColorType::Rgb, BitDepth::Eight, 7);
    let portrait = portrait(file.clone()).unwrap();
    assert_eq!((portrait.png, portrait.scaled_from), (file, None));
}

#[test]
fn a_large_png_is_scaled_down_and_looks_as_it_did() {
    for (width, height, color, depth, byte, size) in [
        (
            5_000,
            7_000,
            ColorType::Grayscale,
            BitDepth::One,
            0xff,
            (2_500, 3_500),
        ),
        (4_097, 1, ColorType::Rgba, BitDepth::Eight, 90, (2_049, 1)),
        (1, 16_384, ColorType::Rgb, BitDepth::Sixteen, 90, (1, 4_096)),
        (
            9_001,
            100,
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
            90,
            (3_001, 34),
        ),
    ] {
        let portrait = portrait(png(width, height, color, depth, byte)).unwrap();
        assert_eq!(portrait.scaled_from, Some((width, height)));
        let pixels = pixels(&portrait.png);
        assert_eq!((pixels.width, pixels.height), size);
        assert_eq!(pixels.color, color);
        let far = pixels.bytes.iter().map(|it| it.abs_diff(byte)).max();
        assert!(far.unwrap() <= 1, "{color:?}");
    }
}

#[test]
fn what_cannot_be_seen_lends_no_colour_to_its_neighbours() {
    let two = Pixels {
        width: 2,
        height: 1,
        color: ColorType::Rgba,
        bytes: vec![200, 100, 50, 255, 0, 0, 0, 0],
    };
    let one = Shrink::whole(&two, 2).unwrap().bytes;
    let far = one
        .iter()
        .zip([200_u8, 100, 50, 127])
        .map(|(seen, wanted)| seen.abs_diff(wanted));
    assert!(far.max().unwrap() <= 2, "{one:?}");
}

#[test]
fn a_picture_that_would_be_too_large_a_file_is_scaled_further() {
    let mut noise = 1_u32;
    let bytes = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from(noise >> 24).unwrap()
    });
    let side = 2_100_u32;
    let pixels = Pixels {
        width: side,
        height: side,
        color: ColorType::Rgb,
        bytes: bytes.take((side * side * 3) as usize).collect(),
    };
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 100)
        .encode(&pixels.bytes, side, side, image::ExtendedColorType::Rgb8)
        .unwrap();
    let portrait = portrait(jpeg).unwrap();
    assert!(portrait.png.len() <= MOST_BYTES);
    assert_eq!(portrait.scaled_from, Some((side, side)));
    assert_eq!(png_size(&portrait.png), Some((side / 2, side / 2)));
}

#[test]
fn jpeg_and_webp_become_png() {
    let flat = |color: ColorType| Pixels {
        width: 40,
        height: 20,
        color,
        bytes: vec![120; 800 * color.samples()],
    };
    let jpeg_file = jpeg(&encoded(&flat(ColorType::Rgb)).unwrap()).unwrap();
    let mut webp_file = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut webp_file)
        .encode(
            &flat(ColorType::Rgba).bytes,
            40,
            20,
            image::ExtendedColorType::Rgba8,
        )
        .unwrap();
    for file in [jpeg_file, webp_file] {
        let portrait = portrait(file).unwrap();
        assert_eq!(png_size(&portrait.png), Some((40, 20)));
        assert_eq!(portrait.scaled_from, None);
        let far = pixels(&portrait.png)
            .bytes
            .iter()
            .map(|it| it.abs_diff(120))
            .max();
        assert!(far.unwrap() < 4);
    }
}

#[test]
fn light_falls_through_onto_white() {
    let clear = png(3, 3, ColorType::Rgba, BitDepth::Eight, 0);
    let decoded = decoded(&jpeg(&clear).unwrap()).unwrap();
    assert!(decoded.bytes.iter().all(|it| *it > 250));
}

#[test]
fn what_is_no_picture_or_too_much_of_one_is_refused() {
    let whole = png(5_000, 40, ColorType::Rgb, BitDepth::Eight, 9);
    let cut = whole[..whole.len() / 2].to_vec();
    for file in [
        Vec::new(),
        b"GIF89a".to_vec(),
        b"\xff\xd8\xff\xe0\0\x02".to_vec(),
        cut,
    ] {
        assert!(matches!(portrait(file), Err(Unusable::Damaged(_))));
    }
    // A header alone claims what it likes.
    let mut bomb = whole;
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let header = crc32fast::hash(&bomb[12..29]).to_be_bytes();
    bomb[29..33].copy_from_slice(&header);
    let refused = portrait(bomb);
    assert!(
        matches!(refused, Err(Unusable::TooLarge { width: 65_536, .. })),
        "{refused:?}"
    );
}
