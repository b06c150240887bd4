//! The model routes of the built-in gateway: a request comes in, is let in or refused, and is answered.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::account::{AccountKind, Id};
use super::admit::Admission;
use super::asked::{Asked, Route};
use super::call::{Ticket, call_of};
use super::charge::RequestEnd;
use super::faults::Fault;
use super::refusal::{Refusal, refuse};
use super::{RouteState, Shared, bearer};

/// One model request.
pub(super) async fn ask(State(node): Shared, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let route = Route::ALL.into_iter().find(|route| route.path() == uri.path()).unwrap_or(Route::Chat);
    let asked = match Asked::read(route, &headers, &body) {
        Ok(asked) => Arc::new(asked),
        Err(refusal) => return refusal.into_response(),
    };
    if node.lock().has(Fault::Hangs) {
        std::future::pending::<()>().await;
    }
    let _asking = Asking::begin(&node, &asked.key);
    if node.lock().memories[node.instance].is_stuck {
        std::future::pending::<()>().await;
    }
    let admitted = loop {
        // The lock is released before the wait.
        let admission = node.lock().admit(node.instance, &asked);
        match admission {
            Admission::In(admitted) => break admitted,
            Admission::Wait(ended) => ended.await,
            Admission::Refused(refusal) => return refused(&node, &asked, refusal).await,
        }
    };
    let mut ticket = Ticket::new(node.clone(), Arc::clone(&asked), admitted);
    let cached = {
        let world = node.lock();
        world.cache_key(&asked).and_then(|key| world.store.cache.get(&key).cloned())
    };
    if let Some(cached) = cached {
        let headers = ticket.close(RequestEnd::Cached, &cached.usage);
        let headers = if asked.stream { Default::default() } else { headers };
        return (headers, [(CONTENT_TYPE, cached.content_type)], cached.body).into_response();
    }
    // In a task of its own: the provider is paid for a call even if the client does not wait for its end.
    match tokio::spawn(ticket.call()).await {
        Ok(response) => response,
        Err(error) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", error.to_string()).into_response()
        }
    }
}

/// A faulty gateway's lock on the key that asks: the gateway gets stuck if the key is locked already.
struct Asking<'a> {
    node: &'a RouteState,
    key: &'a str,
}

impl<'a> Asking<'a> {
    fn begin(node: &'a RouteState, key: &'a str) -> Option<Asking<'a>> {
        let mut world = node.lock();
        if !world.has(Fault::HangsForGood) {
            return None;
        }
        let memory = &mut world.memories[node.instance];
        memory.is_stuck |= !memory.asking.insert(key.to_owned());
        Some(Asking { node, key })
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.node.lock().memories[self.node.instance].asking.remove(self.key);
    }
}

/// An instance that is stuck answers nothing.
pub(super) async fn unless_stuck(State(node): Shared, request: Request, next: Next) -> Response {
    if node.lock().memories[node.instance].is_stuck {
        std::future::pending::<()>().await;
    }
    next.run(request).await
}

async fn refused(node: &RouteState, asked: &Asked, refusal: Refusal) -> Response {
    let (leaks, logs) = {
        let world = node.lock();
        (world.has(Fault::RefusedCallReachesUpstream), world.has(Fault::RefusedCallLogged))
    };
    if leaks {
        let _ = call_of(node, asked, &asked.model).await;
    }
    if logs {
        node.lock().log_refused(asked);
    }
    refusal.into_response()
}

/// The list of models, which costs nothing: even a key that has spent everything gets it.
pub(super) async fn list(State(node): Shared, headers: HeaderMap) -> Response {
    let key = bearer(&headers);
    let world = node.lock();
    if let Err(refusal) = world.check_key(node.instance, key) {
        return refusal.into_response();
    }
    let end_user = Asked::end_user_in(&headers).map(|end_user| Id::new(AccountKind::EndUser, end_user));
    let refusing = match world.fault {
        Some(Fault::ModelListRefusedForEndUser) => end_user,
        Some(Fault::ModelListRefusedForKey) => Some(Id::new(AccountKind::Key, key)),
        Some(_) | None => None,
    };
    let is_spent = |id: &Id| {
        let spent = world.store.accounts.get(id).map(super::account::Account::enforced);
        spent.zip(world.budget_of(id)).is_some_and(|(spent, budget)| spent >= budget)
    };
    if refusing.as_ref().is_some_and(is_spent) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "budget_exceeded", "Budget has been exceeded!").into_response();
    }
    let allowed = world.store.key(key).map_or(&[][..], |key| &key.terms.models);
    let is_allowed =
        |name: &&String| allowed.is_empty() || allowed.iter().any(|model| model == *name || model.starts_with("all-"));
    let models: Vec<Value> =
        world.models.names().filter(is_allowed).map(|name| json!({ "id": name, "object": "model" })).collect();
    Json(json!({ "object": "list", "data": models })).into_response()
}
