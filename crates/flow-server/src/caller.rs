use std::net::IpAddr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use flow_auth::{ApiKey, LinkToken, Permission};
use flow_base::{Credential, FlowId, Scopes, SessionId, UserId, WorkspaceId};
use flow_store::{FlowAccess, KeyRecord, LinkAccess, Origin, StoreError, WorkspaceRecord};

use crate::address::ClientAddress;
use crate::app::App;
use crate::error::ApiError;
use crate::segment::Segment;
use crate::throttle::neighbourhood;

/// When a key was last used is written so often at most: each is a commit.
const KEY_USE_WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// Who makes a request: somebody with a live sign-in, a program with a live key, or a guest
/// with a live share link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Of a guest, an id of no account: the same as long as they come with one link from
    /// one address.
    pub(crate) user: UserId,
    pub(crate) credential: Credential,
    /// All of them for a person; roles bound what they may do.
    pub(crate) scopes: Scopes,
    address: IpAddr,
    guest: Option<Guest>,
}

/// What somebody without an account has come with.
#[derive(Debug, Clone, Copy)]
struct Guest {
    flow: FlowId,
    /// Of the link's token.
    hash: [u8; 32],
}

impl Caller {
    /// The person behind an access token, if the sign-in it came from still lives, whom an
    /// API key acts for, or a guest whose link lives.
    pub(crate) async fn authenticate(app: &App, token: &str, address: IpAddr) -> Result<Self, ApiError> {
        if ApiKey::is_meant_by(token) {
            return Self::with_key(app, token, address).await;
        }
        if LinkToken::is_meant_by(token) {
            return Self::with_link(app, token, address).await;
        }
        let now = app.now();
        let claims = app.keys().verify(token, now).map_err(|_| ApiError::SignedOut)?;
        if !app.store().session_is_live(claims.session, now).await? {
            return Err(ApiError::SignedOut);
        }
        let credential = Credential::Session(claims.session);
        Ok(Self { user: claims.user, credential, scopes: Scopes::ALL, address, guest: None })
    }

    /// As [`Caller::authenticate`], and counts the request: of whom, or from where if it is
    /// nobody's.
    pub(crate) async fn counted(app: &App, token: Option<&str>, address: IpAddr) -> Result<Self, ApiError> {
        let authenticated = match token {
            Some(token) => Self::authenticate(app, token, address).await,
            None => Err(ApiError::SignedOut),
        };
        match &authenticated {
            Ok(caller) => app.requests().count(caller.user, caller.credential).await?,
            Err(ApiError::SignedOut) => app.requests().count_address(address).await?,
            Err(_) => {}
        }
        authenticated
    }

    async fn with_key(app: &App, text: &str, address: IpAddr) -> Result<Self, ApiError> {
        let key = ApiKey::parse(text).map_err(|_| ApiError::SignedOut)?;
        let key = app.store().live_key(&key.hash(), app.now()).await?.ok_or(ApiError::SignedOut)?;
        note_use(app, &key).await;
        let credential = Credential::Key(key.id);
        Ok(Self { user: key.user, credential, scopes: key.scopes, address, guest: None })
    }

    async fn with_link(app: &App, text: &str, address: IpAddr) -> Result<Self, ApiError> {
        let hash = LinkToken::parse(text).map_err(|_| ApiError::SignedOut)?.hash();
        let LinkAccess { link, .. } =
            app.store().live_link(&hash, app.now()).await?.ok_or(ApiError::SignedOut)?;
        Ok(Self {
            user: guest_id(app, &hash, address),
            credential: Credential::Link(link.id),
            scopes: link.role.scopes(),
            address,
            guest: Some(Guest { flow: link.flow, hash }),
        })
    }

    pub(crate) const fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// Who this is to those who look into what was done.
    pub(crate) fn origin(&self, app: &App) -> Origin {
        Origin {
            user: Some(self.user),
            credential: Some(self.credential),
            address: Some(self.address),
            at: app.now(),
        }
    }

    /// What no role on a flow decides, but a key's scopes do. Guests have come for one flow
    /// and nothing else.
    pub(crate) fn allow(self, permission: Permission) -> Result<(), ApiError> {
        if permission.is_within(self.scopes) && !self.is_guest() { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// The caller's access to a flow; `None` when they may not even know of it.
    pub(crate) async fn access(self, app: &App, flow: FlowId) -> Result<Option<FlowAccess>, StoreError> {
        let Some(guest) = self.guest else { return app.store().flow_access(flow, self.user).await };
        if guest.flow != flow {
            return Ok(None);
        }
        let found = app.store().live_link(&guest.hash, app.now()).await?;
        Ok(found.map(|LinkAccess { link, access_rev }| FlowAccess { role: link.role.role(), access_rev }))
    }

    /// The caller's access to a flow, if it includes `permission`.
    ///
    /// Who may not even know of the flow is told that there is none. A key or a link without
    /// the scope is told the same of every flow, whether there is one or not.
    pub(crate) async fn require(
        self,
        app: &App,
        flow: FlowId,
        permission: Permission,
    ) -> Result<FlowAccess, ApiError> {
        if !permission.is_within(self.scopes) {
            return Err(ApiError::Forbidden);
        }
        let access = self.access(app, flow).await?.ok_or(ApiError::NotFound("flow"))?;
        if permission.is_given_to(access.role, self.scopes) { Ok(access) } else { Err(ApiError::Forbidden) }
    }

    /// As [`Caller::require`], of what guests may not do whatever their link says.
    pub(crate) async fn require_member(
        self,
        app: &App,
        flow: FlowId,
        permission: Permission,
    ) -> Result<FlowAccess, ApiError> {
        let access = self.require(app, flow, permission).await?;
        if self.is_guest() { Err(ApiError::Forbidden) } else { Ok(access) }
    }

    /// The workspace as the caller sees it, if their role there includes `permission`.
    pub(crate) async fn require_in(
        self,
        app: &App,
        workspace: WorkspaceId,
        permission: Permission,
    ) -> Result<WorkspaceRecord, ApiError> {
        self.allow(permission)?;
        let seen = app.store().workspace(workspace, self.user).await?;
        let seen = seen.ok_or(ApiError::NotFound("workspace"))?;
        if permission.is_given_to(seen.role, self.scopes) { Ok(seen) } else { Err(ApiError::Forbidden) }
    }
}

/// With the server's key: everybody in the room sees the id, and most of them have the link,
/// so that it would tell the address to whoever tries all of them.
fn guest_id(app: &App, hash: &[u8; 32], address: IpAddr) -> UserId {
    let from = neighbourhood(address).to_string();
    let digest = app.keys().keyed_hash("guest", &[&hash[..], from.as_bytes()].concat());
    let bytes = digest.first_chunk().expect("a digest is longer than an id");
    UserId::from_uuid(uuid::Builder::from_custom_bytes(*bytes).into_uuid())
}

async fn note_use(app: &App, key: &KeyRecord) {
    let now = app.now();
    if key.last_used_at.is_some_and(|at| now < at + KEY_USE_WRITTEN_EVERY) {
        return;
    }
    // A program goes on working when nobody can note that it does; the next request
    // tries again.
    if let Err(error) = app.store().key_used(key.id, now).await {
        tracing::warn!(error = &error as &dyn std::error::Error, key = %key.id, "could not note the use of an API key");
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        Self::counted(app, bearer(&parts.headers), address).await
    }
}

/// Where a request comes from that does not say who asks, counted. Before its body is read:
/// one that does not fit is counted like one that does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stranger(pub(crate) IpAddr);

impl FromRequestParts<App> for Stranger {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        app.requests().count_address(address).await?;
        Ok(Self(address))
    }
}

/// A caller who has signed in. A key does not change the account it belongs to: whoever
/// finds one must not be able to make it last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    caller: Caller,
}

impl Person {
    /// Who this is to those who look into what was done.
    pub(crate) fn origin(&self, app: &App) -> Origin {
        self.caller.origin(app)
    }
}

impl FromRequestParts<App> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        match caller.credential {
            Credential::Session(session) => Ok(Self { user: caller.user, session, caller }),
            Credential::Key(_) | Credential::Link(_) => Err(ApiError::Forbidden),
        }
    }
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The flow that the path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowPath(pub(crate) FlowId);

impl FromRequestParts<App> for FlowPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Segment(flow) = Segment::from_request_parts(parts, app).await?;
        Ok(Self(flow))
    }
}

/// The workspace that the path names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkspacePath(pub(crate) WorkspaceId);

impl FromRequestParts<App> for WorkspacePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Segment(workspace) = Segment::from_request_parts(parts, app).await?;
        Ok(Self(workspace))
    }
}
