//! Speaks with an OpenID provider for somebody who signs in.
//!
//! In: what the provider is set to. Out: where to send a browser, and whose ID token came back.
//!
//! Code flow with PKCE, state and nonce. The ID token that comes back is verified twice, by two that
//! know nothing of each other: by the library that made the request (nonce, audience, `azp`, hash of the
//! access token), and as strictly as any token that a caller sends. Only the second makes a
//! [`Principal`].
//!
//! Never: shows a code, a secret or a token in a refusal or a log; takes an ID token without a nonce.
//!
//! OpenID Connect Core 3.1; RFC 7636 (PKCE); RFC 9207 (`iss`).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreTokenResponse};
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, TokenResponse,
};

use super::fetch::{FetchFault, Fetcher};
use super::principal::Principal;
use super::settings::{ClaimNames, Dialect, IssuerSettings};
use super::{Issuers, sha256};
use crate::clock::{Clock, Time};
use crate::reach::Lookup;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// What a provider is set to.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// The issuer that it is.
    pub issuer: IssuerSettings,
    /// The id that it gave to this proxy.
    pub client_id: String,
    /// The claims of its ID tokens with a name to show and with the groups.
    pub name_claim: String,
    /// See `name_claim`.
    pub groups_claim: String,
    /// What is asked for, `openid` first.
    pub scopes: Vec<String>,
    /// Where it sends browsers back to, to the character.
    pub redirect_url: String,
}

/// An OpenID provider that people sign in with.
#[derive(Debug)]
pub struct Provider {
    settings: SignInSettings,
    secret: Secret,
    fetcher: Fetcher,
    /// Judges ID tokens that are made for this client, and nothing else.
    judge: Issuers,
    metadata: moka::future::Cache<(), Arc<ProviderMetadataWithLogout>>,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What must come back with it.
    pub state: String,
    /// What the ID token must say.
    pub nonce: String,
    /// What proves that the code is used by who asked for it.
    pub verifier: Secret,
}

/// Who signed in, and what the provider gave for later.
#[derive(Debug)]
pub struct SignedIn {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// The ID token, for the provider when the session ends.
    pub id_token: Secret,
    /// What renews it, where the provider gave something.
    pub refresh: Option<Secret>,
}

/// Why a session was not renewed.
#[derive(Debug)]
pub enum NotRenewed {
    /// The provider says no: it is over.
    Refused(Refusal),
    /// The provider did not answer.
    Away(Refusal),
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// Of these settings; asks nobody yet.
    ///
    /// # Errors
    ///
    /// An issuer that cannot be trusted as it is set.
    pub fn build(
        settings: SignInSettings,
        secret: Secret,
        clock: Clock,
    ) -> Result<Provider, SetupError> {
        let lookup = Lookup::machine();
        let judged = IssuerSettings {
            dialect: Dialect::Openid(ClaimNames {
                agents: false,
                name: settings.name_claim.clone(),
                groups: settings.groups_claim.clone(),
                typ: None,
            }),
            audiences: vec![settings.client_id.clone()],
            ..settings.issuer.clone()
        };
        let metadata = moka::future::Cache::builder()
            .max_capacity(1)
            .time_to_live(METADATA_KEPT);
        Ok(Provider {
            fetcher: Fetcher::new(&settings.issuer, lookup.clone())?,
            judge: Issuers::resolving(vec![judged], clock, &lookup)?,
            metadata: metadata.build(),
            settings,
            secret,
        })
    }

    /// The issuer's name in settings and records.
    pub fn name(&self) -> &str {
        &self.settings.issuer.name
    }

    /// The issuer's exact URL.
    pub fn issuer_url(&self) -> &str {
        &self.settings.issuer.url
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    ///
    /// `idp_unavailable` when the provider does not answer.
    pub async fn begin(&self) -> Result<Begun, Refusal> {
        let client = self.client(&*self.metadata().await?)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        for scope in self.settings.scopes.iter().skip(1) {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(Begun {
            url: url.to_string(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: Secret::new(verifier.into_secret()),
        })
    }

    /// Ends a sign-in: asks for the tokens of a code and verifies the ID token.
    ///
    /// # Errors
    ///
    /// `login_failed`, `idp_unavailable`, or what is wrong with the ID token.
    pub async fn complete(
        &self,
        code: &str,
        verifier: Secret,
        nonce: &str,
        now: Time,
    ) -> Result<SignedIn, Refusal> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata)?;
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| failed("the provider has no address to get tokens from"))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.reveal().to_owned()));
        let answer = timely(exchange.request_async(&self.fetcher)).await?;
        let answer = answer.map_err(|fault| token_fault(fault).into_refusal())?;
        let nonce = Nonce::new(nonce.to_owned());
        let id_token = answer
            .id_token()
            .ok_or_else(|| failed("the provider sent no ID token"))?;
        check_id_token(
            &client,
            id_token,
            &answer,
            |said: Option<&Nonce>| match said
                .is_some_and(|said| same(said.secret(), nonce.secret()))
            {
                true => Ok(()),
                false => Err("another nonce".to_owned()),
            },
        )?;
        self.signed_in(id_token, &answer, now).await
    }

    /// Asks whether somebody still is who they were.
    ///
    /// # Errors
    ///
    /// [`NotRenewed`].
    pub async fn renew(&self, refresh: &Secret, now: Time) -> Result<SignedIn, NotRenewed> {
        let metadata = self.metadata().await.map_err(NotRenewed::Away)?;
        let client = self.client(&metadata).map_err(NotRenewed::Away)?;
        let refresh = RefreshToken::new(refresh.reveal().to_owned());
        let exchange = client
            .exchange_refresh_token(&refresh)
            .map_err(|_| NotRenewed::Away(failed("the provider has no address for tokens")))?;
        let answer = timely(exchange.request_async(&self.fetcher))
            .await
            .map_err(NotRenewed::Away)?
            .map_err(|fault| match token_fault(fault) {
                TokenFault::Refused(refusal) => NotRenewed::Refused(refusal),
                TokenFault::Away(refusal) => NotRenewed::Away(refusal),
            })?;
        let id_token = answer
            .id_token()
            .ok_or_else(|| NotRenewed::Refused(failed("the provider sent no ID token")))?;
        // A renewed ID token need not have the nonce (OpenID Connect Core 12.2).
        check_id_token(&client, id_token, &answer, |_: Option<&Nonce>| Ok(()))
            .map_err(NotRenewed::Refused)?;
        self.signed_in(id_token, &answer, now)
            .await
            .map_err(NotRenewed::Refused)
    }

    /// Where the browser goes so that the session at the provider ends, too, where the provider says
    /// (OpenID Connect RP-Initiated Logout 2).
    pub async fn end_url(&self, id_token: &Secret, back_to: &str) -> Option<String> {
        let metadata = self.metadata().await.ok()?;
        let end = metadata
            .additional_metadata()
            .end_session_endpoint
            .clone()?;
        let hint: CoreIdToken = id_token.reveal().parse().ok()?;
        let back = PostLogoutRedirectUrl::new(back_to.to_owned()).ok()?;
        let request = LogoutRequest::from(end)
            .set_id_token_hint(&hint)
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(back);
        Some(request.http_get_url().to_string())
    }

    async fn signed_in(
        &self,
        id_token: &CoreIdToken,
        answer: &CoreTokenResponse,
        now: Time,
    ) -> Result<SignedIn, Refusal> {
        let text = id_token.to_string();
        let principal = self.judge.verify(&text, now).await?;
        Ok(SignedIn {
            principal,
            id_token: Secret::new(text),
            refresh: answer
                .refresh_token()
                .map(|token| Secret::new(token.secret().clone())),
        })
    }

    async fn metadata(&self) -> Result<Arc<ProviderMetadataWithLogout>, Refusal> {
        let discovered = self.metadata.try_get_with((), async {
            let url = IssuerUrl::new(self.settings.issuer.url.clone())
                .map_err(|_| failed("the provider's address is no URL"))?;
            let found = timely(ProviderMetadataWithLogout::discover_async(
                url,
                &self.fetcher,
            ))
            .await?;
            // What the library says may hold what the provider sent.
            found
                .map(Arc::new)
                .map_err(|_| away("its discovery document or its keys cannot be read"))
        });
        discovered
            .await
            .map_err(|refusal: Arc<Refusal>| (*refusal).clone())
    }

    fn client(&self, metadata: &ProviderMetadataWithLogout) -> Result<Client, Refusal> {
        let redirect = RedirectUrl::new(self.settings.redirect_url.clone())
            .map_err(|_| failed("this proxy does not know its own address"))?;
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = ClientSecret::new(self.secret.reveal().to_owned());
        Ok(
            CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
                .set_redirect_uri(redirect),
        )
    }
}

/// The library asks through us, so that addresses, sizes and redirects are bounded as everywhere.
impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// What the library finds in an ID token.
fn check_id_token(
    client: &Client,
    id_token: &CoreIdToken,
    answer: &CoreTokenResponse,
    nonce: impl FnOnce(Option<&Nonce>) -> Result<(), String>,
) -> Result<(), Refusal> {
    let verifier = client.id_token_verifier();
    let claims = id_token
        .claims(&verifier, nonce)
        .map_err(|_| failed("the ID token is not the one that was asked for"))?;
    let Some(said) = claims.access_token_hash() else {
        return Ok(());
    };
    let wrong = |_| failed("the hash in the ID token cannot be checked");
    let algorithm = id_token
        .signing_alg()
        .map_err(|_| failed("the ID token names no algorithm"))?;
    let key = id_token
        .signing_key(&verifier)
        .map_err(|_| failed("the ID token's key is not known"))?;
    let own = AccessTokenHash::from_token(answer.access_token(), algorithm, key).map_err(wrong)?;
    match own == *said {
        true => Ok(()),
        false => Err(failed("the ID token is of another access token")),
    }
}

enum TokenFault {
    Refused(Refusal),
    Away(Refusal),
}

impl TokenFault {
    fn into_refusal(self) -> Refusal {
        match self {
            TokenFault::Refused(refusal) | TokenFault::Away(refusal) => refusal,
        }
    }
}

/// What the token endpoint said, without what it said it with: that may be a token.
fn token_fault<T: openidconnect::ErrorResponse>(
    fault: RequestTokenError<FetchFault, T>,
) -> TokenFault {
    match fault {
        RequestTokenError::ServerResponse(_) => {
            TokenFault::Refused(failed("the provider refused what it was asked for"))
        }
        RequestTokenError::Request(fault) => TokenFault::Away(away(fault.word())),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            TokenFault::Away(away("its answer cannot be read"))
        }
    }
}

async fn timely<T>(asked: impl Future<Output = T>) -> Result<T, Refusal> {
    tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| away("it did not answer in time"))
}

fn failed(why: &str) -> Refusal {
    Refusal::new(Reason::LoginFailed).noting(why)
}

fn away(why: &str) -> Refusal {
    Refusal::new(Reason::IdpUnavailable).noting(format!("signing in: {why}"))
}

/// By their digests, so that the time it takes tells nothing.
fn same(one: &str, other: &str) -> bool {
    sha256(one.as_bytes()) == sha256(other.as_bytes())
}

const PATIENCE: Duration = Duration::from_secs(10);
const METADATA_KEPT: Duration = Duration::from_secs(600);
