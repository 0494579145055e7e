//! A layer below SQLite that lets writes, truncations and syncs of a folder's files fail, as a full or broken disk would.

#![expect(
    unsafe_code,
    reason = "SQLite takes the layer between it and the system as functions of C"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};

use libsqlite3_sys::{
    SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// What fails in the files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Disk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Of the operations that would fail, each of so many does; each where this is 0.
    each: u32,
    /// Writes, truncations and syncs since it was last told what fails.
    operations: u32,
    failed: u32,
}

/// Operations that fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// So many go well before.
    pub(crate) after: u32,
    pub(crate) times: u32,
    /// What they fail with: a result code of SQLite.
    pub(crate) code: c_int,
    /// Whether half of what is to be written is.
    pub(crate) is_torn: bool,
}

static DISKS: Mutex<Vec<(PathBuf, Arc<Disk>)>> = Mutex::new(Vec::new());

impl Disk {
    /// The disk of a folder, for files that are opened from now on.
    pub(crate) fn under(folder: &Path) -> Arc<Self> {
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(register);
        let disk = Arc::new(Self::default());
        DISKS
            .lock()
            .unwrap()
            .push((folder.to_owned(), disk.clone()));
        disk
    }

    /// From now on this fails.
    pub(crate) fn fails(&self, fault: Fault) {
        *self.0.lock().unwrap() = State {
            fault: Some(fault),
            ..State::default()
        };
    }

    /// From now on each of so many operations fails so.
    pub(crate) fn fails_each(&self, each: u32, code: c_int) {
        let fault = Fault {
            after: 0,
            times: u32::MAX,
            code,
            is_torn: false,
        };
        *self.0.lock().unwrap() = State {
            fault: Some(fault),
            each,
            ..State::default()
        };
    }

    /// Nothing fails any more. Says how many operations did.
    pub(crate) fn works(&self) -> u32 {
        std::mem::take(&mut *self.0.lock().unwrap()).failed
    }

    fn next(&self) -> Option<Fault> {
        let mut state = self.0.lock().unwrap();
        let fault = state.fault?;
        let operation = state.operations;
        state.operations += 1;
        let place = operation.checked_sub(fault.after);
        let place = place.filter(|place| *place < fault.times)?;
        if !place.is_multiple_of(state.each.max(1)) {
            return None;
        }
        state.failed += 1;
        Some(fault)
    }
}

/// The functions of a file: those of the system, but for three.
#[repr(C)]
struct Methods {
    /// First, so that SQLite finds what it looks for.
    ours: sqlite3_io_methods,
    system: *const sqlite3_io_methods,
    disk: Arc<Disk>,
}

/// Puts the layer before the system's, for everybody in this process.
fn register() {
    // SAFETY: the default layer is there for as long as the process, and the copy is never freed.
    unsafe {
        let system = sqlite3_vfs_find(std::ptr::null());
        let mut layer = *system;
        layer.pNext = std::ptr::null_mut();
        layer.zName = c"faults".as_ptr();
        layer.xOpen = Some(open);
        let code = sqlite3_vfs_register(Box::leak(Box::new(layer)), 1);
        assert_eq!(code, SQLITE_OK);
    }
}

unsafe extern "C" fn open(
    layer: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are those that SQLite has for the system's layer. A file that was opened has its functions.
    unsafe {
        let system = sqlite3_vfs_find(c"unix".as_ptr());
        let code = (*system).xOpen.unwrap()(layer, name, file, flags, out_flags);
        if code != SQLITE_OK || name.is_null() {
            return code;
        }
        let name = Path::new(CStr::from_ptr(name).to_str().unwrap());
        let disks = DISKS.lock().unwrap();
        let found = disks.iter().find(|(folder, _)| name.starts_with(folder));
        if let Some((_, disk)) = found {
            let system = (*file).pMethods;
            let mut ours = *system;
            ours.xWrite = Some(write);
            ours.xTruncate = Some(truncate);
            ours.xSync = Some(sync);
            let disk = disk.clone();
            // As long as the process: SQLite doesn't say when it has closed a file for the last time.
            let methods = Box::leak(Box::new(Methods { ours, system, disk }));
            (*file).pMethods = &raw const methods.ours;
        }
        code
    }
}

/// The functions of a file of ours.
unsafe fn of<'f>(file: *mut sqlite3_file) -> &'f Methods {
    // SAFETY: only files that were given these functions come here.
    unsafe { &*(*file).pMethods.cast::<Methods>() }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: the arguments are passed on.
    unsafe {
        let methods = of(file);
        let write = (*methods.system).xWrite.unwrap();
        let Some(fault) = methods.disk.next() else {
            return write(file, bytes, count, offset);
        };
        if fault.is_torn {
            write(file, bytes, count / 2, offset);
        }
        fault.code
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: the arguments are passed on.
    unsafe {
        let methods = of(file);
        match methods.disk.next() {
            Some(fault) => fault.code,
            None => (*methods.system).xTruncate.unwrap()(file, size),
        }
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: the arguments are passed on.
    unsafe {
        let methods = of(file);
        match methods.disk.next() {
            Some(fault) => fault.code,
            None => (*methods.system).xSync.unwrap()(file, flags),
        }
    }
}
