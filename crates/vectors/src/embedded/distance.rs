//! Distances, which sqlite-vec measures for SQLite.

use std::ffi::{c_char, c_int};

use libsqlite3_sys::{SQLITE_OK, sqlite3, sqlite3_api_routines, sqlite3_auto_extension};
use sea_orm::sqlx;

/// What SQLite calls in each new connection.
type EntryPoint =
    unsafe extern "C" fn(*mut sqlite3, *mut *mut c_char, *const sqlite3_api_routines) -> c_int;

/// Gives the function `vec_distance_l2` to every connection that is opened from now on. More than once is as good as once.
pub(super) fn teach_sqlite() -> sqlx::Result<()> {
    let entry_point = sqlite_vec::sqlite3_vec_init as *const ();
    // The crate declares the function without its arguments, but in C it is such an entry point.
    #[expect(unsafe_code, reason = "SQLite takes extensions as functions of C")]
    let code = unsafe {
        sqlite3_auto_extension(Some(std::mem::transmute::<*const (), EntryPoint>(
            entry_point,
        )))
    };
    match code {
        SQLITE_OK => Ok(()),
        code => Err(sqlx::Error::Configuration(
            format!("SQLite doesn't take sqlite-vec: {code}").into(),
        )),
    }
}

/// How sqlite-vec reads a vector: 32-bit floats, in the order of this machine's bytes.
pub(super) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_ne_bytes()).collect()
}

/// The cosine between two vectors of length 1 at a distance: |a - b|² = 2 - 2ab.
pub(super) fn score(distance: f64) -> f32 {
    (1.0 - distance * distance / 2.0) as f32
}
