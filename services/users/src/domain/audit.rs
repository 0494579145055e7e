//! What is recorded about an account.

/// Something that happened to an account. The numbers are stored and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum AuditAction {
    Registered = 1,
    RegisteredAgain = 2,
    LoggedIn = 3,
    LoginFailed = 4,
    LoginDelayed = 5,
    TokenRefreshed = 6,
    RefreshTokenReused = 7,
    LoggedOut = 8,
    LoginSessionRevoked = 9,
    ProfileUpdated = 10,
}

impl AuditAction {
    /// The number that is stored.
    pub(crate) fn number(self) -> i32 {
        self as i32
    }
}
