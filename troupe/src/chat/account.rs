//! Signing up, in, and staying signed in.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use platform::Clock;
use tonic::Code;
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::users::{
    GetProfileRequest, LoginRequest, RefreshTokenRequest, RegisterRequest, TokenPair,
};

use super::api::Api;
use super::failure::explain;
use super::input::{Input, is_yes};
use super::password::{TRIES, needed, new_password};
use super::remembered::{Remembered, SignIn};
use super::screen::Screen;

/// Tokens are renewed when they have less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long another program has to store the tokens that took the place of ours, and how often it is looked.
const OTHERS_STORE_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(250);

const PASSWORD: &str = "Password: ";
/// Why a sign-in fails right after a sign-up.
const OTHER_PASSWORD: &str = "; perhaps the address has an account already, with another password";

/// What the command line says about the person.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Credentials {
    /// E-mail address of your account
    #[arg(long, short)]
    email: Option<String>,

    /// Make a new account
    #[arg(long)]
    sign_up: bool,

    /// Name that characters call you by, for a new account
    #[arg(long)]
    name: Option<String>,

    /// Password, from the environment so that it doesn't show in the list of processes
    #[arg(
        long,
        env = "TROUPE_CHAT_PASSWORD",
        hide = true,
        hide_env_values = true
    )]
    password: Option<String>,
}

/// What became of an exchange of the remembered refresh token.
enum Exchange {
    Renewed,
    /// It isn't good any more.
    Refused,
    /// Another program exchanged it a moment ago.
    Superseded,
}

/// A person who is signed in.
pub(crate) struct Account {
    server: String,
    file: PathBuf,
    renew_at: Instant,
    /// The name in the profile.
    pub(crate) display_name: String,
    /// Id, by which others can invite the person.
    id: String,
}

impl Account {
    /// Signs in as whom the file remembers, or asks.
    pub(crate) async fn open(
        api: &mut Api,
        server: &str,
        credentials: Credentials,
        (input, screen): (&mut Input, Screen),
    ) -> Result<Self> {
        let file = platform::folders::settings().join("chat.json");
        let renew_at = Instant::now();
        let mut account = Self {
            server: server.to_owned(),
            file,
            renew_at,
            display_name: String::new(),
            id: String::new(),
        };
        let is_known =
            !credentials.sign_up && account.renew(api, credentials.email.as_deref()).await?;
        if !is_known {
            account.ask(api, credentials, (input, screen)).await?;
        }
        let profile = api.users.get_profile(GetProfileRequest {}).await;
        let profile = profile
            .map_err(|status| anyhow!(explain(&status)))?
            .into_inner()
            .profile;
        let profile = profile.context("the server sent no profile")?;
        screen.note(&format!(
            "Signed in at {server} as {} ({}).",
            profile.display_name, profile.email
        ))?;
        (account.display_name, account.id) = (profile.display_name, profile.id);
        Ok(account)
    }

    /// Shows by what others can invite the person. Nobody can look it up: whoever wants to be invited sends it.
    pub(crate) fn show_id(&self, screen: Screen) -> Result<()> {
        let Self {
            id, display_name, ..
        } = self;
        screen.line(&format!("{id}  {display_name}"))?;
        screen.note("Send the id to somebody: they type /invite and it, and /join shows you the invitation. It lets nobody sign in.")
    }

    /// Renews the access token if it soon expires.
    pub(crate) async fn keep_signed_in(&mut self, api: &mut Api) -> Result<()> {
        if Instant::now() < self.renew_at || self.renew(api, None).await? {
            return Ok(());
        }
        bail!("you were signed out; start `troupe chat` again to sign in")
    }

    /// Exchanges the remembered refresh token. False if none is good any more. One that was superseded isn't shown again:
    /// another program has exchanged it, so what that one stores is waited for.
    async fn renew(&mut self, api: &mut Api, email: Option<&str>) -> Result<bool> {
        let mut superseded: Option<(String, Instant)> = None;
        loop {
            let mut remembered = Remembered::open(&self.file)?;
            let Some(sign_in) = remembered.find(&self.server, email).cloned() else {
                return Ok(false);
            };
            if let Some((token, since)) = &superseded
                && *token == sign_in.refresh_token
            {
                if since.elapsed() > OTHERS_STORE_WITHIN {
                    remembered.forget(&self.server)?;
                    return Ok(false);
                }
                // The other program needs the file meanwhile.
                drop(remembered);
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let token = sign_in.refresh_token.clone();
            match self.exchange(api, remembered, sign_in).await? {
                Exchange::Renewed => return Ok(true),
                Exchange::Refused => return Ok(false),
                Exchange::Superseded => superseded = Some((token, Instant::now())),
            }
        }
    }

    async fn exchange(
        &mut self,
        api: &mut Api,
        mut remembered: Remembered,
        SignIn {
            email,
            refresh_token,
        }: SignIn,
    ) -> Result<Exchange> {
        let request = RefreshTokenRequest {
            refresh_token,
            ..Default::default()
        };
        match api.auth.refresh_token(request).await {
            Ok(answer) => {
                let tokens = answer.into_inner().tokens;
                let tokens = tokens.context("the server sent no tokens")?;
                self.take(api, &mut remembered, email, tokens)?;
                Ok(Exchange::Renewed)
            }
            Err(status) if reason_of(&status) == Some(Reason::TokenSuperseded) => {
                Ok(Exchange::Superseded)
            }
            Err(status) if status.code() == Code::Unauthenticated => {
                remembered.forget(&self.server)?;
                Ok(Exchange::Refused)
            }
            Err(status) => bail!(explain(&status)),
        }
    }

    fn take(
        &mut self,
        api: &Api,
        remembered: &mut Remembered,
        email: String,
        tokens: TokenPair,
    ) -> Result<()> {
        let expires = tokens.access_expire_time.map_or(0, |time| time.seconds);
        let left = u64::try_from(expires - Clock::system().now().secs());
        let good_for = Duration::from_secs(left.unwrap_or(0));
        self.renew_at = Instant::now() + good_for.saturating_sub(RENEW_BEFORE);
        api.bearer.set(&tokens.access_token)?;
        remembered.store(
            &self.server,
            SignIn {
                email,
                refresh_token: tokens.refresh_token,
            },
        )
    }

    async fn ask(
        &mut self,
        api: &mut Api,
        credentials: Credentials,
        (input, screen): (&mut Input, Screen),
    ) -> Result<()> {
        screen.line(&format!("You are not signed in at {}.", self.server))?;
        let is_new = credentials.sign_up
            || credentials.email.is_none()
                && answer(input, "Do you have an account there? [y/N] ")
                    .await?
                    .is_none_or(|answer| !is_yes(&answer));
        let email = required(input, credentials.email, "E-mail address", "--email").await?;
        let display_name = match is_new {
            true => Some(
                required(
                    input,
                    credentials.name,
                    "Name that characters call you by",
                    "--name",
                )
                .await?,
            ),
            false => None,
        };
        if let Some(display_name) = display_name {
            let password = match credentials.password {
                Some(password) => password,
                None if input.edits() => {
                    new_password(async |prompt| input.ask_password(prompt).await, screen).await?
                }
                None => needed(input.ask_password(PASSWORD).await?)?,
            };
            let request = RegisterRequest {
                email: email.clone(),
                password: password.clone(),
                display_name,
            };
            let answer = api.auth.register(request).await;
            answer.map_err(|status| anyhow!("signing up: {}", explain(&status)))?;
            let tokens = log_in(api, &email, password).await;
            let tokens = tokens.map_err(|status| not_signed_in(&status, OTHER_PASSWORD))?;
            return self.remember(api, email, tokens);
        }
        // Only a person can mend a slip.
        let mut tries = match credentials.password.is_none() && input.edits() {
            true => TRIES,
            false => 1,
        };
        loop {
            let password = match &credentials.password {
                Some(password) => password.clone(),
                None => needed(input.ask_password(PASSWORD).await?)?,
            };
            tries -= 1;
            match log_in(api, &email, password).await {
                Ok(tokens) => return self.remember(api, email, tokens),
                Err(status) if tries > 0 && may_be_mended(&status) => {
                    screen.problem(&format!("{}; try again", explain(&status)))?;
                }
                Err(status) => {
                    return Err(not_signed_in(&status, "; --sign-up makes a new account"));
                }
            }
        }
    }

    fn remember(&mut self, api: &Api, email: String, tokens: Option<TokenPair>) -> Result<()> {
        let tokens = tokens.context("the server sent no tokens")?;
        let mut remembered = Remembered::open(&self.file)?;
        self.take(api, &mut remembered, email, tokens)
    }
}

async fn log_in(
    api: &mut Api,
    email: &str,
    password: String,
) -> Result<Option<TokenPair>, tonic::Status> {
    let request = LoginRequest {
        email: email.to_owned(),
        password,
        device_name: "troupe chat".to_owned(),
        use_cookie: false,
    };
    let answer = api.auth.login(request).await?;
    Ok(answer.into_inner().tokens)
}

/// Whether another password, or the same a little later, may do.
fn may_be_mended(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        Code::Unauthenticated | Code::ResourceExhausted
    )
}

/// The error of a sign-in, with a hint where the password is wrong.
fn not_signed_in(status: &tonic::Status, hint: &str) -> anyhow::Error {
    let hint = match status.code() {
        Code::Unauthenticated => hint,
        _ => "",
    };
    anyhow!("signing in: {}{hint}", explain(status))
}

/// What the command line says by a flag, or the person when asked.
async fn required(
    input: &mut Input,
    given: Option<String>,
    question: &str,
    flag: &str,
) -> Result<String> {
    let line = match given {
        Some(text) => Some(text),
        None => answer(input, &format!("{question}: ")).await?,
    };
    line.with_context(|| format!("`{question}` needs an answer: give it with {flag}"))
}

/// A line that isn't empty.
async fn answer(input: &mut Input, prompt: &str) -> Result<Option<String>> {
    let line = input.ask(prompt).await?.map(|line| line.trim().to_owned());
    Ok(line.filter(|line| !line.is_empty()))
}
