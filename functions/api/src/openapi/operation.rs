//! One operation of the API, as `operations()` beside each area's routes says it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes a schema of a type.
pub(crate) type Of = fn(&mut SchemaGenerator) -> Schema;

/// Who may ask, and what they show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Anybody,
    /// The refresh cookie.
    Session,
    Member,
    Admin,
    /// A member, or a playback token of the video.
    Watcher,
    /// A member by a token or by the refresh cookie.
    Uploader,
}

/// What an answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    Nothing,
    Json(Of),
    /// Text of this media type.
    Text(&'static str),
    /// Another address, in `Location`.
    Redirect,
}

/// A method of a path.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) query: Option<Of>,
    /// Its schema, and whether it must be there.
    pub(crate) body: Option<(Of, bool)>,
    pub(crate) answers: Vec<(u16, Content)>,
    /// Refusals beside those that follow from what is asked.
    pub(crate) refusals: Vec<u16>,
    pub(crate) storage: bool,
}

fn operation(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        summary,
        access: Access::Anybody,
        query: None,
        body: None,
        answers: Vec::new(),
        refusals: Vec::new(),
        storage: true,
    }
}

pub(crate) fn get(path: &'static str, summary: &'static str) -> Operation {
    operation("get", path, summary)
}

pub(crate) fn post(path: &'static str, summary: &'static str) -> Operation {
    operation("post", path, summary)
}

pub(crate) fn patch(path: &'static str, summary: &'static str) -> Operation {
    operation("patch", path, summary)
}

pub(crate) fn delete(path: &'static str, summary: &'static str) -> Operation {
    operation("delete", path, summary)
}

impl Operation {
    pub(crate) fn by(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|schemas| schemas.root_schema_for::<T>());
        self
    }

    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|schemas| schemas.subschema_for::<T>(), true));
        self
    }

    /// A body that may be left out.
    pub(crate) fn maybe_body<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|schemas| schemas.subschema_for::<T>(), false));
        self
    }

    pub(crate) fn answers<T: JsonSchema>(self, status: u16) -> Self {
        self.gives(status, Content::Json(|schemas| schemas.subschema_for::<T>()))
    }

    pub(crate) fn gives(mut self, status: u16, content: Content) -> Self {
        self.answers.push((status, content));
        self
    }

    pub(crate) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// The bucket is not asked.
    pub(crate) fn reads_nothing(mut self) -> Self {
        self.storage = false;
        self
    }
}
