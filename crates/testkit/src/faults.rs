//! A store that fails in the middle of its service's life, and what the log says of it.

#![expect(clippy::panic, reason = "a test says what is wrong by failing")]

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sea_orm::{ConnectionTrait, DbErr};
use tonic::Code;
use tracing_subscriber::fmt::MakeWriter;

use crate::access::{Named, call, request_of};
use crate::stage::{Caller, Stage};

const REQUEST_ID: &str = "a-request-that-fails";

/// What the process logs from the first look on.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The one log of the process: with one for each test, a place that logs would be silent or not by which test met it first.
    fn get() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone());
            let _ours = subscriber.try_init();
            log
        })
    }

    fn text(&self) -> String {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&written).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Stage {
    /// Takes a table away and calls a method that reads it: the caller hears nothing of why, and the log has it once, with the
    /// call's request id.
    ///
    /// # Panics
    /// The caller or the log hears something else.
    pub async fn logs_a_fault_once(&self, who: &Caller, path: &'static str, table: &str) {
        let store = self.store().await.ok().flatten();
        let store = store.unwrap_or_else(|| panic!("there is no store"));
        let sql = &format!("ALTER TABLE {table} RENAME TO gone");
        let broken = store
            .transaction(|tx| Box::pin(async move { tx.execute_unprepared(sql).await.map(drop) }));
        let broken: Result<(), DbErr> = broken.await;
        broken.unwrap_or_else(|error| panic!("{error}"));
        let log = Log::get();
        let mut who = who.clone();
        who.request_id = Some(REQUEST_ID.to_owned());
        let answer = call(&who, path, request_of(path, &Named::new())).await;
        let code = answer.as_ref().err().map(tonic::Status::code);
        assert_eq!(code, Some(Code::Internal), "{answer:?}");
        let told = answer.err().map(|status| status.message().to_owned());
        assert!(
            !told.unwrap_or_default().contains(table),
            "callers hear of {table}"
        );
        let text = log.text();
        let is_fault = |line: &&str| line.contains(REQUEST_ID) && line.contains(table);
        let faults = text.lines().filter(is_fault).count();
        assert_eq!(faults, 1, "the log has it {faults} times:\n{text}");
    }
}
