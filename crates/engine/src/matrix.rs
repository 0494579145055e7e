//! A weight matrix in its file, and its product with activations on all threads.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use pulp::Arch;
use rayon::prelude::*;

use super::error::Error;
use super::gguf::Gguf;
use super::kernels::{FewRows, ManyRows, PANEL, Pack};
use super::quants::{Format, Kind, PART, with_format};

/// A matrix of quantised weights that stays in the mapped file.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    map: Arc<Mmap>,
    start: usize,
    rows: usize,
    columns: usize,
    kind: Kind,
}

/// The processor: its vector instructions and how many threads share the work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    pub(super) arch: Arch,
    pub(super) threads: usize,
}

/// Rows of activations, those of prompts first, then those that generate.
///
/// The two kinds take different ways through the products, and each row always the same one, so that a reply is the same
/// whatever runs beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) prompt: usize,
    pub(super) single: usize,
}

impl Rows {
    pub(super) const fn total(self) -> usize {
        self.prompt + self.single
    }
}

impl Matrix {
    /// The matrix called `name`, checked to have the shape that the model needs.
    pub(super) fn load(
        gguf: &Gguf,
        path: &Path,
        name: &str,
        columns: usize,
        rows: usize,
    ) -> Result<Self, Error> {
        let matrix = Self::find(gguf, path, name)?;
        if (matrix.columns, matrix.rows) != (columns, rows) {
            let what = format!(
                "its tensor {name} is {} by {}, not {columns} by {rows}",
                matrix.columns, matrix.rows
            );
            return Err(Error::Corrupt {
                path: path.to_owned(),
                what,
            });
        }
        Ok(matrix)
    }

    /// The matrix called `name`, whatever its shape; a vector is a matrix of one row.
    pub(super) fn find(gguf: &Gguf, path: &Path, name: &str) -> Result<Self, Error> {
        let corrupt = |what| Error::Corrupt {
            path: path.to_owned(),
            what,
        };
        let tensor = gguf
            .tensor(name)
            .ok_or_else(|| corrupt(format!("it has no tensor {name}")))?;
        let kind = Kind::from_number(tensor.format).ok_or_else(|| Error::Unsupported {
            path: path.to_owned(),
            what: format!(
                "its tensor {name} has ggml format {}; use a file quantised as Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K, or F16, BF16 or F32",
                tensor.format
            ),
        })?;
        let columns = tensor.dimensions.first().copied().unwrap_or(1);
        let rows = tensor
            .dimensions
            .iter()
            .skip(1)
            .try_fold(1_usize, |rows, next| rows.checked_mul(*next))
            .unwrap_or(usize::MAX);
        Self::mapped(gguf.map(), tensor.start, (rows, columns), kind)
            .ok_or_else(|| corrupt(format!("its tensor {name} is cut off or misshapen")))
    }

    /// The matrix of `rows` and `columns` that begins at byte `start` of `map`; none if it isn't all there.
    pub(super) fn mapped(
        map: Arc<Mmap>,
        start: usize,
        (rows, columns): (usize, usize),
        kind: Kind,
    ) -> Option<Self> {
        let matrix = Self {
            map,
            start,
            rows,
            columns,
            kind,
        };
        let (weights, bytes) = matrix.block();
        let length = (columns / weights).checked_mul(bytes)?.checked_mul(rows)?;
        let end = length.checked_add(start)?;
        let fits = columns > 0 && columns % weights == 0 && end <= matrix.map.len();
        fits.then_some(matrix)
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    pub(super) const fn columns(&self) -> usize {
        self.columns
    }

    /// Decodes one row.
    pub(super) fn row(&self, row: usize, out: &mut [f32]) {
        let bytes = &self.bytes()[row * self.row_bytes()..][..self.row_bytes()];
        with_format!(self.kind, F => {
            for (block, out) in F::blocks(bytes).iter().zip(out.chunks_exact_mut(F::WEIGHTS)) {
                for (part, out) in out.as_chunks_mut::<PART>().0.iter_mut().enumerate() {
                    *out = F::decode(block, part);
                }
            }
        });
    }

    /// Multiplies: `out[row] = self * activations[row]` for every row.
    pub(super) fn multiply(
        &self,
        cpu: Cpu,
        rows: Rows,
        activations: &[f32],
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let (many, few) = activations.split_at(rows.prompt * self.columns);
        let (many_out, few_out) = out.split_at_mut(rows.prompt * self.rows);
        with_format!(self.kind, F => {
            if rows.prompt > 0 {
                self.many_rows::<F>(cpu, many, many_out, scratch);
            }
            for (activations, out) in few.chunks(4 * self.columns).zip(few_out.chunks_mut(4 * self.rows)) {
                match out.len() / self.rows {
                    1 => self.few_rows::<F, 1>(cpu, activations, out, scratch),
                    2 => self.few_rows::<F, 2>(cpu, activations, out, scratch),
                    3 => self.few_rows::<F, 3>(cpu, activations, out, scratch),
                    _ => self.few_rows::<F, 4>(cpu, activations, out, scratch),
                }
            }
        });
    }

    fn many_rows<F: Format>(
        &self,
        cpu: Cpu,
        activations: &[f32],
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let count = activations.len() / self.columns;
        let panels = self.rows.div_ceil(PANEL);
        scratch.resize(panels * count * PANEL, 0.0);
        let weights = self.bytes().par_chunks(PANEL * self.row_bytes());
        scratch
            .par_chunks_exact_mut(count * PANEL)
            .zip(weights)
            .for_each_init(
                || vec![0.0; self.columns * PANEL],
                |panel, (out, weights)| {
                    cpu.arch.dispatch(Pack::<F> {
                        format: PhantomData,
                        weights,
                        columns: self.columns,
                        panel,
                    });
                    cpu.arch.dispatch(ManyRows {
                        panel,
                        stride: self.columns,
                        activations,
                        out,
                    });
                },
            );
        out.par_chunks_exact_mut(self.rows)
            .enumerate()
            .for_each(|(row, out)| {
                for (panel, out) in scratch
                    .chunks_exact(count * PANEL)
                    .zip(out.chunks_mut(PANEL))
                {
                    out.copy_from_slice(&panel[row * PANEL..][..out.len()]);
                }
            });
    }

    fn few_rows<F: Format, const R: usize>(
        &self,
        cpu: Cpu,
        activations: &[f32],
        out: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let chunk = self.rows.div_ceil(cpu.threads * 2).max(32);
        let compute = |weights: &[u8], out: &mut [f32]| {
            cpu.arch.dispatch(FewRows::<F, R> {
                format: PhantomData,
                weights,
                columns: self.columns,
                activations,
                out,
            });
        };
        let weights = self.bytes().par_chunks(chunk * self.row_bytes());
        if R == 1 {
            out.par_chunks_mut(chunk)
                .zip(weights)
                .for_each(|(out, weights)| compute(weights, out));
            return;
        }
        scratch.resize(R * self.rows, 0.0);
        scratch
            .par_chunks_mut(R * chunk)
            .zip(weights)
            .for_each(|(out, weights)| compute(weights, out));
        for (row, out) in out.chunks_exact_mut(self.rows).enumerate() {
            for (out, results) in out.iter_mut().zip(scratch.as_chunks::<R>().0) {
                *out = results[row];
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.map[self.start..][..self.rows * self.row_bytes()]
    }

    const fn row_bytes(&self) -> usize {
        let (weights, bytes) = self.block();
        self.columns / weights * bytes
    }

    /// Weights and bytes of one block.
    const fn block(&self) -> (usize, usize) {
        with_format!(self.kind, F => (F::WEIGHTS, F::BYTES))
    }
}
