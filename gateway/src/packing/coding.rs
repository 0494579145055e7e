//! The ways to compress, and which of them a client wants, by RFC 9110 section 12.5.3.

use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderMap};

use crate::accept::{FULL, thousandths};
use crate::media;

/// What is compressed before others have their turn: about a millisecond's work.
const PART_BYTES: usize = 32 << 10;

/// A way to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    /// All of them, those first that cost less for what they save.
    pub(crate) const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Its name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What a client accepts best; none where it names none, or likes an answer as well as it is.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values: Vec<_> = headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .map(|value| media::text(Some(value)))
            .collect();
        let named: Vec<(&str, u16)> = values
            .iter()
            .flat_map(|value| media::split(value, ','))
            .map(|text| (media::essence(text), weight(text)))
            .collect();
        let of = |name: &str| {
            let found = named.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
            found.map(|(_, weight)| *weight)
        };
        let any = of("*");
        let weighed = Self::ALL.into_iter().filter_map(|coding| {
            let old = (coding == Self::Gzip).then(|| of("x-gzip")).flatten();
            let weight = of(coding.name()).or(old).or(any)?;
            Some((coding, weight)).filter(|(_, weight)| *weight > 0)
        });
        // Of equals the first: `max_by_key` would take the last.
        let best = weighed.rev().max_by_key(|(_, weight)| *weight);
        let plain = of("identity").unwrap_or_default();
        best.filter(|(_, weight)| *weight >= plain)
            .map(|(coding, _)| coding)
    }

    /// A text compressed, others having their turns in between; none where it is no smaller so.
    pub(crate) async fn packed(self, text: &[u8]) -> Option<Bytes> {
        let mut packer = Packer::new(self, text.len()).ok()?;
        for (number, part) in text.chunks(PART_BYTES).enumerate() {
            if number > 0 {
                tokio::task::yield_now().await;
            }
            packer.write(part).ok()?;
        }
        packer.finish(text.len())
    }

    /// A text compressed at once; none where it is no smaller so.
    pub(crate) fn packed_at_once(self, text: &[u8]) -> Option<Bytes> {
        let mut packer = Packer::new(self, text.len()).ok()?;
        packer.write(text).ok()?;
        packer.finish(text.len())
    }
}

/// The weight of a coding, in thousandths.
fn weight(text: &str) -> u16 {
    let mut parameters = media::parameters(text);
    let weight = parameters.find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let weight = weight.and_then(|(_, value)| thousandths(&value));
    // What is no weight says nothing.
    weight.unwrap_or(FULL)
}

enum Packer {
    Zstd(zstd::Encoder<'static, Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl Packer {
    /// One for a text of this length. The levels are those at which a little more work saves little more.
    fn new(coding: Coding, len: usize) -> io::Result<Self> {
        let out = Vec::with_capacity(len / 4 + 64);
        Ok(match coding {
            Coding::Zstd => {
                let mut encoder = zstd::Encoder::new(out, 3)?;
                // It takes no more memory than the text needs.
                encoder.set_pledged_src_size(u64::try_from(len).ok())?;
                Self::Zstd(encoder)
            }
            Coding::Brotli => {
                let params = BrotliEncoderParams {
                    quality: 4,
                    lgwin: 18,
                    size_hint: len,
                    ..BrotliEncoderParams::default()
                };
                let writer = CompressorWriter::with_params(out, 4 << 10, &params);
                Self::Brotli(Box::new(writer))
            }
            Coding::Gzip => Self::Gzip(GzEncoder::new(out, Compression::new(4))),
        })
    }

    fn write(&mut self, part: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.write_all(part),
            Self::Brotli(writer) => writer.write_all(part),
            Self::Gzip(encoder) => encoder.write_all(part),
        }
    }

    /// What came of a text of this length, if that is less.
    fn finish(self, len: usize) -> Option<Bytes> {
        let packed = match self {
            Self::Zstd(encoder) => encoder.finish().ok()?,
            Self::Brotli(writer) => writer.into_inner(),
            Self::Gzip(encoder) => encoder.finish().ok()?,
        };
        (packed.len() < len).then(|| packed.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http::HeaderValue;

    use super::*;

    fn accepted(values: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::accepted(&headers).map(Coding::name)
    }

    #[test]
    fn weights_decide_and_of_equals_the_cheapest() {
        for (values, coding) in [
            (&[][..], None),
            (&[""], None),
            (&["identity"], None),
            (&["deflate, compress"], None),
            (&["gzip, deflate, br, zstd"], Some("zstd")),
            (&["gzip, br"], Some("br")),
            (&["GZIP"], Some("gzip")),
            (&["x-gzip"], Some("gzip")),
            (&["gzip;q=1.0, br;q=0.9, zstd;q=0.1"], Some("gzip")),
            (&["zstd;q=0, br ; Q=0.2, *;q=0.1"], Some("br")),
            (&["*"], Some("zstd")),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some("gzip")),
            (&["gzip;q=0"], None),
            (&["identity, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip"], Some("gzip")),
            (&["identity;q=0, gzip;q=0.1"], Some("gzip")),
            (&["gzip;q=x"], Some("gzip")),
            (&["gzip;q=0.2", "br;q=0.3"], Some("br")),
        ] {
            assert_eq!(accepted(values), coding, "{values:?}");
        }
    }

    #[tokio::test]
    async fn what_is_compressed_in_parts_or_at_once_is_read_again() {
        let text = b"{\"name\":\"Mira\",\"creator\":\"Troupe\"},".repeat(5_000);
        assert!(text.len() > PART_BYTES * 3);
        for coding in Coding::ALL {
            for packed in [coding.packed(&text).await, coding.packed_at_once(&text)] {
                let packed = packed.unwrap();
                assert!(
                    packed.len() < text.len() / 20,
                    "{coding:?} {}",
                    packed.len()
                );
                assert_eq!(unpacked(coding, &packed), text, "{coding:?}");
            }
            assert_eq!(coding.packed(b"x").await, None, "{coding:?}");
            assert_eq!(coding.packed(b"").await, None, "{coding:?}");
        }
    }

    fn unpacked(coding: Coding, packed: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        match coding {
            Coding::Zstd => zstd::Decoder::new(packed).unwrap().read_to_end(&mut text),
            Coding::Brotli => brotli::Decompressor::new(packed, 4_096).read_to_end(&mut text),
            Coding::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut text),
        }
        .unwrap();
        text
    }
}
