//! Reads a network from a safetensors file, by the names that Hugging Face's BERT gives its tensors.

use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};

use super::EncoderError;
use super::attention::Heads;
use super::network::{Layer, Network, Norm};
use crate::kernels::PANEL;
use crate::mapped;
use crate::matrix::Matrix;
use crate::model::Linear;
use crate::quants::Kind;

/// Width of a head in all MiniLM models; the file doesn't tell.
const HEAD_WIDTH: usize = 32;
const _: () = assert!(HEAD_WIDTH.is_multiple_of(PANEL));

/// A mapped file and where its tensors lie.
struct Source<'a> {
    path: &'a Path,
    map: Arc<Mmap>,
    /// First byte after the header.
    data: usize,
    metadata: Metadata,
}

impl Network {
    /// Reads the network that the file at `path` holds. Its matrices stay in the mapped file.
    pub(super) fn load(path: &Path) -> Result<Self, EncoderError> {
        let file = Source::open(path)?;
        let words = file.matrix("embeddings.word_embeddings.weight", None, None)?;
        let width = words.columns();
        if !width.is_multiple_of(HEAD_WIDTH) {
            let what = format!("its rows of {width} numbers do not fit heads of {HEAD_WIDTH}");
            return Err(file.unusable(what));
        }
        let layers: Vec<Layer> = (0..)
            .map(|index| format!("encoder.layer.{index}"))
            .take_while(|layer| file.has(&format!("{layer}.output.dense.weight")))
            .map(|layer| file.layer(&layer, width))
            .collect::<Result<_, _>>()?;
        if layers.is_empty() {
            return Err(file.unusable("it has no layers".to_owned()));
        }
        let mut segment = vec![0.0; width];
        let segments = file.matrix("embeddings.token_type_embeddings.weight", None, Some(width))?;
        segments.row(0, &mut segment);
        Ok(Self {
            heads: Heads {
                count: width / HEAD_WIDTH,
                width: HEAD_WIDTH,
            },
            positions: file.matrix("embeddings.position_embeddings.weight", None, Some(width))?,
            norm: file.norm("embeddings", width)?,
            layers,
            words,
            segment,
        })
    }
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self, EncoderError> {
        let map = mapped::map(path).map_err(|source| EncoderError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|error| EncoderError::Unusable {
                path: path.to_owned(),
                what: error.to_string(),
            })?;
        Ok(Self {
            path,
            map,
            data: size_of::<u64>() + header,
            metadata,
        })
    }

    fn unusable(&self, what: String) -> EncoderError {
        EncoderError::Unusable {
            path: self.path.to_owned(),
            what,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// The matrix called `name`, of the sizes that are given; a vector is a matrix of one row.
    fn matrix(
        &self,
        name: &str,
        rows: Option<usize>,
        columns: Option<usize>,
    ) -> Result<Matrix, EncoderError> {
        let missing = || self.unusable(format!("it has no tensor {name}"));
        let info = self.metadata.info(name).ok_or_else(missing)?;
        let shape = match *info.shape {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => (0, 0),
        };
        let is_wanted = shape.0 > 0
            && rows.is_none_or(|rows| rows == shape.0)
            && columns.is_none_or(|columns| columns == shape.1);
        if !is_wanted {
            let what = format!("its tensor {name} has the shape {:?}", info.shape);
            return Err(self.unusable(what));
        }
        let kind = match info.dtype {
            Dtype::F32 => Kind::F32,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            other => return Err(self.unusable(format!("its tensor {name} holds {other:?}"))),
        };
        let start = self.data + info.data_offsets.0;
        Matrix::mapped(Arc::clone(&self.map), start, shape, kind)
            .ok_or_else(|| self.unusable(format!("its tensor {name} is cut off or misshapen")))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, EncoderError> {
        let mut vector = vec![0.0; length];
        let matrix = self.matrix(name, Some(1), Some(length))?;
        matrix.row(0, &mut vector);
        Ok(vector)
    }

    fn linear(&self, name: &str, columns: usize, rows: usize) -> Result<Linear, EncoderError> {
        Ok(Linear {
            weight: self.matrix(&format!("{name}.weight"), Some(rows), Some(columns))?,
            bias: Some(self.vector(&format!("{name}.bias"), rows)?),
        })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, EncoderError> {
        Ok(Norm {
            weight: self.vector(&format!("{name}.LayerNorm.weight"), width)?,
            bias: self.vector(&format!("{name}.LayerNorm.bias"), width)?,
        })
    }

    fn layer(&self, name: &str, width: usize) -> Result<Layer, EncoderError> {
        let part = |part: &str| format!("{name}.{part}");
        let up = self.matrix(&part("intermediate.dense.weight"), None, Some(width))?;
        let hidden = up.rows();
        Ok(Layer {
            query: self.linear(&part("attention.self.query"), width, width)?,
            key: self.linear(&part("attention.self.key"), width, width)?,
            value: self.linear(&part("attention.self.value"), width, width)?,
            attention_output: self.linear(&part("attention.output.dense"), width, width)?,
            attention_norm: self.norm(&part("attention.output"), width)?,
            up: self.linear(&part("intermediate.dense"), width, hidden)?,
            down: self.linear(&part("output.dense"), hidden, width)?,
            norm: self.norm(&part("output"), width)?,
        })
    }
}
